use std::fs;
use std::path::{Path, PathBuf};

use serde::Deserialize;
use vissl_checkpoint::numpy::{self, TextFile};

use super::{Raw, Source, read_file};
use crate::decode::DecodeError;
use crate::error::{DataError, Result};

/// Entries that are looked for when a list is opened; when all of them are missing, the list is of another machine.
const PROBED: usize = 8;

#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct FileListOptions {
    /// A `.npy`, `.pkl`, `.pickle` or `.json` file of paths.
    pub path: PathBuf,
    /// Read the entries of a `.npy` file one at a time, so that memory does not grow with the list.
    #[serde(default)]
    pub mmap: bool,
    /// What entries that begin with it lose.
    #[serde(default)]
    pub remove_prefix: String,
    /// What they get in its place.
    #[serde(default)]
    pub new_prefix: String,
}

/// Images by a list of their paths. Relative paths belong to the working folder.
pub struct FileList {
    list: TextList,
    path: PathBuf,
    remove_prefix: String,
    new_prefix: String,
}

impl FileList {
    /// # Errors
    /// The list is missing, damaged, empty or of another kind; or none of the first images is there.
    pub fn open(options: &FileListOptions) -> Result<Self> {
        let list = FileList {
            list: TextList::open(&options.path, options.mmap)?,
            path: options.path.clone(),
            remove_prefix: options.remove_prefix.clone(),
            new_prefix: options.new_prefix.clone(),
        };
        let shown = options.path.display();
        if list.list.len() == 0 {
            return Err(DataError::data(format!("list {shown}: holds no path")).fix("give a list of images"));
        }
        list.probe()?;
        Ok(list)
    }

    fn probe(&self) -> Result<()> {
        let count = self.list.len();
        let some = (0..PROBED.min(count)).map(|i| i * count / PROBED.min(count));
        let mut first = None;
        for index in some {
            let path = self
                .entry(index)
                .map_err(|why| DataError::data(why.to_string()))?;
            if Path::new(&path).exists() {
                return Ok(());
            }
            first.get_or_insert(path);
        }
        let first = first.unwrap_or_default();
        Err(DataError::data(format!(
            "list {}: its images are missing, {first} for example",
            self.path.display()
        ))
        .fix(
            "set REMOVE_IMG_PATH_PREFIX and NEW_IMG_PATH_PREFIX to where the images are on this machine; \
             relative paths belong to the working folder",
        ))
    }

    fn entry(&self, index: usize) -> std::result::Result<String, DecodeError> {
        let text = self.list.get(index).map_err(DecodeError::Unreadable)?;
        match text.strip_prefix(self.remove_prefix.as_str()) {
            Some(rest) if !self.remove_prefix.is_empty() => Ok(format!("{}{rest}", self.new_prefix)),
            _ => Ok(text),
        }
    }
}

impl Source for FileList {
    fn len(&self) -> usize {
        self.list.len()
    }

    fn label(&self, _index: usize) -> Option<i64> {
        None
    }

    fn name(&self, index: usize) -> String {
        let unnamed = |_| format!("{}[{index}]", self.path.display());
        self.entry(index).unwrap_or_else(unnamed)
    }

    fn place(&self, index: usize) -> Option<(PathBuf, u64)> {
        Some((self.entry(index).ok()?.into(), 0))
    }

    fn load(&self, index: usize) -> std::result::Result<Raw, DecodeError> {
        read_file(Path::new(&self.entry(index)?))
    }
}

/// Texts in one piece of memory, which costs a word for each beside its letters.
#[derive(Default)]
pub(crate) struct Paths {
    text: String,
    ends: Vec<usize>,
}

impl Paths {
    pub(crate) fn new() -> Self {
        Self::default()
    }

    pub(crate) fn push(&mut self, path: &str) {
        self.text.push_str(path);
        self.ends.push(self.text.len());
    }

    pub(crate) fn len(&self) -> usize {
        self.ends.len()
    }

    pub(crate) fn get(&self, index: usize) -> &str {
        let start = if index == 0 { 0 } else { self.ends[index - 1] };
        &self.text[start..self.ends[index]]
    }
}

impl From<Vec<String>> for Paths {
    fn from(all: Vec<String>) -> Self {
        let mut paths = Paths::new();
        all.iter().for_each(|path| paths.push(path));
        paths
    }
}

/// A list that is held in memory or left in its file.
enum TextList {
    Held(Paths),
    File(TextFile),
}

impl TextList {
    fn open(path: &Path, mmap: bool) -> Result<Self> {
        let extension = path
            .extension()
            .unwrap_or_default()
            .to_string_lossy()
            .to_lowercase();
        let texts = match extension.as_str() {
            "npy" => {
                if mmap && let Some(file) = TextFile::open(path).map_err(unreadable)? {
                    return Ok(TextList::File(file));
                }
                numpy::read_file(path).and_then(numpy::Array::into_texts)
            }
            "pkl" | "pickle" => numpy::read_pickle_file(path).and_then(numpy::Array::into_texts),
            "json" => return json(path),
            _ => {
                let what = if path.is_dir() {
                    "is a folder"
                } else {
                    "is no list of a known kind"
                };
                return Err(DataError::data(format!("list {}: {what}", path.display()))
                    .fix("lists are files named *.npy, *.pkl or *.json; folders are read by disk_folder"));
            }
        };
        let texts = texts.map_err(|error| {
            let named = error.message.contains(&path.display().to_string());
            unreadable(if named { error } else { error.in_file(path) })
        })?;
        Ok(TextList::Held(texts.into()))
    }

    fn len(&self) -> usize {
        match self {
            TextList::Held(paths) => paths.len(),
            TextList::File(file) => file.len(),
        }
    }

    fn get(&self, index: usize) -> std::result::Result<String, String> {
        match self {
            TextList::Held(paths) => Ok(paths.get(index).to_owned()),
            TextList::File(file) => file.get(index).map_err(|error| error.message),
        }
    }
}

fn json(path: &Path) -> Result<TextList> {
    let named = |what: String| {
        DataError::data(format!("list {}: {what}", path.display()))
            .fix("write a list of paths: [\"a.jpg\", \"b.jpg\"]")
    };
    let bytes = fs::read(path).map_err(|error| named(error.to_string()))?;
    serde_json::from_slice::<Vec<String>>(&bytes)
        .map(|paths| TextList::Held(paths.into()))
        .map_err(|error| named(error.to_string()))
}

/// An error of the readers of arrays as one of the data.
pub(crate) fn unreadable(error: vissl_checkpoint::Error) -> DataError {
    let fix = if error.fix == vissl_checkpoint::error::FIX_CORRUPT {
        "the file is damaged or was not written by NumPy: copy it or make it again".to_owned()
    } else {
        error.fix
    };
    DataError::data(error.message).fix(fix)
}
