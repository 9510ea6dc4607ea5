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

/// The rows of a table that was read elsewhere.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RowsOptions {
    /// The file that the rows are of: messages name it, and relative paths are taken from its folder.
    pub path: PathBuf,
    pub paths: Vec<String>,
    /// As many as `paths`, or none.
    #[serde(default)]
    pub labels: Vec<String>,
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
        let (labels, classes) = numbered(labels).map_err(fail)?;
        Ok(Table {
            folder: options.path.parent().unwrap_or(Path::new("")).to_owned(),
            paths,
            labels,
            classes,
        })
    }

    /// # Errors
    /// There is no row, a path is empty, or there are not as many labels as paths.
    pub fn of_rows(options: &RowsOptions) -> Result<Self> {
        let fail = |what: String| DataError::data(format!("image table {}: {what}", options.path.display()));
        let RowsOptions { path, paths, labels } = options;
        if paths.is_empty() {
            return Err(fail("holds no image".to_owned()));
        }
        if !labels.is_empty() && labels.len() != paths.len() {
            return Err(fail(format!(
                "{} labels for {} images",
                labels.len(),
                paths.len()
            )));
        }
        if let Some(at) = paths.iter().position(|path| path.trim().is_empty()) {
            return Err(fail(format!("row {} has no path", at + 1)));
        }
        let (labels, classes) = numbered(labels.clone()).map_err(fail)?;
        Ok(Table {
            folder: path.parent().unwrap_or(Path::new("")).to_owned(),
            paths: paths.clone().into(),
            labels,
            classes,
        })
    }

    fn path(&self, index: usize) -> PathBuf {
        self.folder.join(self.paths.get(index))
    }
}

/// The largest whole number below which every whole number is one of 64-bit floating point.
const EXACT: f64 = 9_007_199_254_740_992.0;

fn whole(label: &str) -> Option<i64> {
    label.parse().ok().or_else(|| {
        let value: f64 = label.parse().ok()?;
        (value.fract() == 0.0 && value.abs() <= EXACT).then_some(value as i64)
    })
}

/// Labels as numbers and the names of the classes: whole numbers stay (`3.0` is 3), names are numbered in sorted
/// order.
///
/// # Errors
/// All are numbers, and one of them is no whole one: NaN for example, as a gap becomes in a column of numbers.
pub(crate) fn numbered(labels: Vec<String>) -> std::result::Result<(Vec<i64>, Vec<String>), String> {
    let numbers: Option<Vec<i64>> = labels.iter().map(|label| whole(label)).collect();
    if let Some(numbers) = numbers {
        return Ok((numbers, Vec::new()));
    }
    if labels.iter().all(|label| label.parse::<f64>().is_ok()) {
        let at = labels
            .iter()
            .position(|label| whole(label).is_none())
            .unwrap_or(0);
        return Err(format!(
            "the label of image {at} is {}, no whole number",
            labels[at]
        ));
    }
    let mut ids: BTreeMap<&str, i64> = labels.iter().map(|label| (label.as_str(), 0)).collect();
    ids.values_mut().zip(0..).for_each(|(id, number)| *id = number);
    let numbers = labels.iter().map(|label| ids[label.as_str()]).collect();
    Ok((numbers, ids.keys().map(|name| (*name).to_owned()).collect()))
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

    fn place(&self, index: usize) -> Option<(PathBuf, u64)> {
        Some((self.path(index), 0))
    }

    fn load(&self, index: usize) -> std::result::Result<Raw, DecodeError> {
        read_file(&self.path(index))
    }
}
