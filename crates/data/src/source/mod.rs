//! Where images come from.

pub mod file_list;
pub mod folder;
pub mod idx;
pub mod shapes;
pub mod synthetic;
pub mod table;
pub mod tar;
pub mod torchvision;

use serde::Deserialize;

use crate::decode::DecodeError;
use crate::error::Result;
use crate::image::Image;

/// An image as a source has it.
pub enum Raw {
    /// The bytes of a file.
    Encoded(Vec<u8>),
    Decoded(Image),
}

/// A source as the loader's specification names it: its `type` and its options.
#[derive(Debug, Clone, Deserialize)]
#[serde(tag = "type", rename_all = "snake_case")]
pub enum SourceSpec {
    DiskFolder(folder::FolderOptions),
    DiskFilelist(file_list::FileListOptions),
    Csv(table::TableOptions),
    Rows(table::RowsOptions),
    Tar(tar::TarOptions),
    Idx(idx::IdxOptions),
    Synthetic(synthetic::SyntheticOptions),
    Shapes(shapes::ShapesOptions),
    Torchvision(torchvision::TorchvisionOptions),
    Script(crate::script::ScriptSourceOptions),
}

/// An indexed set of images. Reading is by `&self`, from any number of threads.
pub trait Source: Send + Sync {
    fn len(&self) -> usize;

    fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The label of a sample, or `None` when the source has no labels.
    fn label(&self, index: usize) -> Option<i64>;

    /// Names of the classes, empty when they have none.
    fn classes(&self) -> &[String] {
        &[]
    }

    /// What a message calls the sample: a path where there is one.
    fn name(&self, index: usize) -> String;

    /// What was left out when the source was opened.
    fn skipped(&self) -> &[Skipped] {
        &[]
    }

    /// Where the bytes of a sample lie, a file and an offset within it; `None` when they are decoded ones.
    fn place(&self, _index: usize) -> Option<(std::path::PathBuf, u64)> {
        None
    }

    fn load(&self, index: usize) -> std::result::Result<Raw, DecodeError>;
}

/// A file that is no sample, and why.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Skipped {
    pub path: String,
    pub reason: String,
}

/// Opens the source that a specification names.
pub fn open(spec: &SourceSpec) -> Result<Box<dyn Source>> {
    Ok(match spec {
        SourceSpec::DiskFolder(options) => Box::new(folder::Folder::open(options)?),
        SourceSpec::DiskFilelist(options) => Box::new(file_list::FileList::open(options)?),
        SourceSpec::Csv(options) => Box::new(table::Table::open(options)?),
        SourceSpec::Rows(options) => Box::new(table::Table::of_rows(options)?),
        SourceSpec::Tar(options) => Box::new(tar::Tar::open(options)?),
        SourceSpec::Idx(options) => Box::new(idx::Idx::open(options)?),
        SourceSpec::Synthetic(options) => Box::new(synthetic::Synthetic::new(options)?),
        SourceSpec::Shapes(options) => Box::new(shapes::Shapes::new(options)?),
        SourceSpec::Torchvision(options) => torchvision::open(options)?,
        SourceSpec::Script(options) => Box::new(crate::script::ScriptSource::new(options)?),
    })
}

/// The bytes of a file.
pub(crate) fn read_file(path: &std::path::Path) -> std::result::Result<Raw, DecodeError> {
    std::fs::read(path)
        .map(Raw::Encoded)
        .map_err(|error| DecodeError::Unreadable(error.to_string()))
}
