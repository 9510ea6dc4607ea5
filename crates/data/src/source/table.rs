use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use serde::Deserialize;

use super::file_list::Paths;
use super::{Raw, Source, read_file};
use crate::decode::DecodeError;
use crate::error::{DataError, Result};

#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct TableOptions {
    /// A text file of comma-separated values: the path of an image and, if there is one, its label.
    pub path: PathBuf,
}

/// Images listed in a CSV file. Columns are found by the names in its first line (`path`, `image`, `file` or
/// `filename`; `label`, `class` or `target`), else they are the first and the second one. Relative paths are taken
/// from the folder of the file. Labels that are no numbers are numbered in sorted order.
#[derive(Debug)]
pub struct Table {
    folder: PathBuf,
    paths: Paths,
    labels: Vec<i64>,
    classes: Vec<String>,
}

impl std::fmt::Debug for Paths {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{} paths", self.len())
    }
}

/// The fields of one line; quoted fields may hold commas and doubled quotes.
fn fields(line: &str) -> Vec<String> {
    let mut fields = vec![String::new()];
    let mut quoted = false;
    let mut letters = line.chars().peekable();
    while let Some(letter) = letters.next() {
        let last = fields.len() - 1;
        match letter {
            '"' if quoted && letters.peek() == Some(&'"') => {
                letters.next();
                fields[last].push('"');
            }
            '"' => quoted = !quoted,
            ',' if !quoted => fields.push(String::new()),
            _ => fields[last].push(letter),
        }
    }
    fields
}

impl Table {
    /// # Errors
    /// The file is missing, no text, empty, or a line has no path or no label where others have one.
    pub fn open(options: &TableOptions) -> Result<Self> {
        let shown = options.path.display();
        let fail = |what: String| {
            DataError::data(format!("image table {shown}: {what}")).fix("give lines of: path,label")
        };
        let bytes = fs::read(&options.path).map_err(|error| fail(error.to_string()))?;
        let text = String::from_utf8(bytes).map_err(|_| fail("is no UTF-8 text".to_owned()))?;
        let mut lines = text
            .lines()
            .enumerate()
            .filter(|(_, line)| !line.trim().is_empty())
            .peekable();
        let (mut path_at, mut label_at) = (0, Some(1));
        if let Some((_, first)) = lines.peek() {
            let names: Vec<String> = fields(first)
                .iter()
                .map(|name| name.trim().to_lowercase())
                .collect();
            let find = |wanted: &[&str]| names.iter().position(|name| wanted.contains(&name.as_str()));
            if let Some(at) = find(&["path", "image", "file", "filename"]) {
                (path_at, label_at) = (at, find(&["label", "class", "target"]));
                lines.next();
            } else if names.len() < 2 {
                label_at = None;
            }
        }
        let mut paths = Paths::new();
        let mut labels = Vec::new();
        for (number, line) in lines {
            let fields = fields(line);
            let field = |at: usize, what: &str| {
                fields
                    .get(at)
                    .map(|field| field.trim())
                    .filter(|field| !field.is_empty())
                    .ok_or_else(|| fail(format!("line {} has no {what}", number + 1)))
            };
            paths.push(field(path_at, "path")?);
            if let Some(at) = label_at {
                labels.push(field(at, "label")?.to_owned());
            }
        }
        if paths.len() == 0 {
            return Err(fail("holds no image".to_owned()));
        }
        let (labels, classes) = numbered(labels);
        Ok(Table {
            folder: options.path.parent().unwrap_or(Path::new("")).to_owned(),
            paths,
            labels,
            classes,
        })
    }

    fn path(&self, index: usize) -> PathBuf {
        self.folder.join(self.paths.get(index))
    }
}

/// Labels as numbers and the names of the classes: numbers stay, anything else is numbered in sorted order.
pub(crate) fn numbered(labels: Vec<String>) -> (Vec<i64>, Vec<String>) {
    let numbers: Option<Vec<i64>> = labels.iter().map(|label| label.parse().ok()).collect();
    if let Some(numbers) = numbers {
        return (numbers, Vec::new());
    }
    let mut ids: BTreeMap<&str, i64> = labels.iter().map(|label| (label.as_str(), 0)).collect();
    ids.values_mut().zip(0..).for_each(|(id, number)| *id = number);
    let numbers = labels.iter().map(|label| ids[label.as_str()]).collect();
    (numbers, ids.keys().map(|name| (*name).to_owned()).collect())
}

impl Source for Table {
    fn len(&self) -> usize {
        self.paths.len()
    }

    fn label(&self, index: usize) -> Option<i64> {
        self.labels.get(index).copied()
    }

    fn classes(&self) -> &[String] {
        &self.classes
    }

    fn name(&self, index: usize) -> String {
        self.path(index).display().to_string()
    }

    fn load(&self, index: usize) -> std::result::Result<Raw, DecodeError> {
        read_file(&self.path(index))
    }
}
