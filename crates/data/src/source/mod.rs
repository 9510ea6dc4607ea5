//! Where images come from.

pub mod folder;
pub mod idx;
pub mod shapes;
pub mod synthetic;

use crate::decode::DecodeError;
use crate::error::Result;
use crate::image::Image;
use crate::spec::SourceSpec;

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

    /// Height and width when every image has the same.
    fn fixed_size(&self) -> Option<(usize, usize)> {
        None
    }

    /// What was left out when the source was opened.
    fn skipped(&self) -> &[Skipped] {
        &[]
    }

    fn load(&self, index: usize) -> std::result::Result<Image, DecodeError>;
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
        SourceSpec::Idx(options) => Box::new(idx::Idx::open(options)?),
        SourceSpec::Synthetic(options) => Box::new(synthetic::Synthetic::new(options)?),
        SourceSpec::Shapes(options) => Box::new(shapes::Shapes::new(options)?),
    })
}
