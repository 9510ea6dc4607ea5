use std::fs;
use std::path::{Path, PathBuf};

use serde::Deserialize;

use super::{Raw, Skipped, Source, read_file};
use crate::decode::DecodeError;
use crate::error::{DataError, Result};

/// File names that count as images, in any case.
pub const EXTENSIONS: [&str; 10] = [
    "jpg", "jpeg", "png", "ppm", "bmp", "pgm", "tif", "tiff", "webp", "gif",
];
/// Folders nested deeper than this are taken for a loop of links.
const MAX_DEPTH: usize = 64;

#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct FolderOptions {
    pub path: PathBuf,
    /// `false` ignores sub-folders as classes.
    #[serde(default = "yes")]
    pub labels: bool,
}

fn yes() -> bool {
    true
}

/// Image files below a folder. Its sub-folders, sorted by name, are the classes; when there
/// are none, or images lie at the top of the folder, the set has no classes.
pub struct Folder {
    files: Vec<(PathBuf, i64)>,
    classes: Vec<String>,
    skipped: Vec<Skipped>,
}

impl Folder {
    /// # Errors
    /// The folder is missing, is no folder, cannot be read, or holds no image.
    pub fn open(options: &FolderOptions) -> Result<Self> {
        let root = &options.path;
        let shown = root.display();
        let found = fs::metadata(root).map_err(|error| {
            let what = if error.kind() == std::io::ErrorKind::NotFound {
                "does not exist".to_owned()
            } else {
                error.to_string()
            };
            DataError::data(format!("data folder {shown}: {what}")).fix("give the path of a folder of images")
        })?;
        if !found.is_dir() {
            return Err(DataError::data(format!("data folder {shown}: is a file"))
                .fix("give the path of the folder that holds the images"));
        }
        let mut skipped = Vec::new();
        let (folders, top) = entries(root, &mut skipped)?;
        let mut files: Vec<(PathBuf, i64)> = top.into_iter().map(|path| (path, -1)).collect();
        let flat = !files.is_empty() || !options.labels;
        let mut classes = Vec::new();
        for folder in folders {
            // A folder without images is a class too, so that train and test folders number alike.
            walk(&folder, 1, classes.len() as i64, &mut files, &mut skipped)?;
            classes.push(
                folder
                    .file_name()
                    .unwrap_or_default()
                    .to_string_lossy()
                    .into_owned(),
            );
        }
        if files.is_empty() {
            let hint = match skipped.first() {
                Some(first) => format!(
                    "; {} files were skipped, the first is {} ({})",
                    skipped.len(),
                    first.path,
                    first.reason
                ),
                None => String::new(),
            };
            return Err(
                DataError::data(format!("data folder {shown}: holds no image{hint}"))
                    .fix(format!("images are files named *.{}", EXTENSIONS.join(", *."))),
            );
        }
        if flat {
            classes.clear();
        }
        Ok(Folder {
            files,
            classes,
            skipped,
        })
    }
}

/// The sorted sub-folders and image files of one folder; other files go to `skipped`.
fn entries(folder: &Path, skipped: &mut Vec<Skipped>) -> Result<(Vec<PathBuf>, Vec<PathBuf>)> {
    let failed =
        |error: std::io::Error| DataError::data(format!("data folder {}: {error}", folder.display()));
    let mut folders = Vec::new();
    let mut files = Vec::new();
    for entry in fs::read_dir(folder).map_err(failed)? {
        let path = entry.map_err(failed)?.path();
        let mut skip = |path: &Path, reason: String| {
            skipped.push(Skipped {
                path: path.display().to_string(),
                reason,
            })
        };
        match fs::metadata(&path) {
            Ok(found) if found.is_dir() => folders.push(path),
            Ok(found) => match judge(&path, found.len()) {
                Some(reason) => skip(&path, reason),
                None => files.push(path),
            },
            Err(error) => skip(&path, format!("unreadable: {error}")),
        }
    }
    folders.sort();
    files.sort();
    skipped.sort_by(|a, b| a.path.cmp(&b.path));
    Ok((folders, files))
}

/// Why a file is no sample, judged without opening it.
fn judge(path: &Path, bytes: u64) -> Option<String> {
    let extension = path
        .extension()
        .unwrap_or_default()
        .to_string_lossy()
        .to_lowercase();
    if !EXTENSIONS.contains(&extension.as_str()) {
        return Some("not an image".to_owned());
    }
    (bytes == 0).then(|| "truncated: the file is empty".to_owned())
}

/// Whether a folder is a link to one that holds the link.
fn leads_back(folder: &Path) -> bool {
    let is_link = fs::symlink_metadata(folder).is_ok_and(|found| found.is_symlink());
    let real = |path: &Path| fs::canonicalize(path).ok();
    match (is_link, folder.parent()) {
        (true, Some(parent)) => {
            real(folder).is_some_and(|to| real(parent).is_some_and(|at| at.starts_with(to)))
        }
        _ => false,
    }
}

fn walk(
    folder: &Path,
    depth: usize,
    label: i64,
    files: &mut Vec<(PathBuf, i64)>,
    skipped: &mut Vec<Skipped>,
) -> Result<()> {
    let why = if leads_back(folder) {
        Some("a link to a folder above it")
    } else {
        (depth > MAX_DEPTH).then_some("nested too deep")
    };
    if let Some(reason) = why {
        skipped.push(Skipped {
            path: folder.display().to_string(),
            reason: reason.to_owned(),
        });
        return Ok(());
    }
    let (folders, found) = entries(folder, skipped)?;
    files.extend(found.into_iter().map(|path| (path, label)));
    folders
        .iter()
        .try_for_each(|inner| walk(inner, depth + 1, label, files, skipped))
}

impl Source for Folder {
    fn len(&self) -> usize {
        self.files.len()
    }

    fn label(&self, index: usize) -> Option<i64> {
        (!self.classes.is_empty()).then(|| self.files[index].1)
    }

    fn classes(&self) -> &[String] {
        &self.classes
    }

    fn name(&self, index: usize) -> String {
        self.files[index].0.display().to_string()
    }

    fn skipped(&self) -> &[Skipped] {
        &self.skipped
    }

    fn place(&self, index: usize) -> Option<(PathBuf, u64)> {
        Some((self.files[index].0.clone(), 0))
    }

    fn load(&self, index: usize) -> std::result::Result<Raw, DecodeError> {
        read_file(&self.files[index].0)
    }
}
