//! Labels of samples, from a data source or from files of their own.

use std::path::PathBuf;

use serde::Deserialize;

use crate::entry::Label;
use crate::error::{DataError, Result};
use crate::npy::{self, Array, Object, Values};
use crate::source::{Source, table::numbered};

#[derive(Debug, Clone, Deserialize)]
#[serde(tag = "type", rename_all = "snake_case", deny_unknown_fields)]
pub enum LabelSpec {
    /// The labels of a data source, by its position; −1 where it has none.
    Source { source: usize },
    /// The labels in a file. Of several files the label holds one entry a file; two files of lists are the classes
    /// present and the classes absent.
    Files { paths: Vec<PathBuf> },
    /// 0 for every sample.
    Zero,
}

/// One label a sample.
pub enum Labels {
    Source(usize),
    Table {
        labels: Vec<Label>,
        classes: Vec<String>,
    },
    Zero,
}

impl Labels {
    /// # Errors
    /// A file is missing or damaged, has another length than the data set, or holds no labels.
    pub fn open(spec: &LabelSpec, sources: &[Box<dyn Source>]) -> Result<Labels> {
        let len = sources.first().map_or(0, |source| source.len());
        match spec {
            LabelSpec::Zero => Ok(Labels::Zero),
            LabelSpec::Source { source } if *source < sources.len() => Ok(Labels::Source(*source)),
            LabelSpec::Source { source } => Err(DataError::usage(format!(
                "labels: there is no data source {source}"
            ))),
            LabelSpec::Files { paths } => {
                let mut columns = Vec::new();
                let mut classes = Vec::new();
                for path in paths {
                    let fail = |what: String| {
                        DataError::data(format!("label list {what}"))
                            .fix("give a .npy file with one label an image")
                    };
                    let array = npy::read(path).map_err(fail)?;
                    let rows = array.shape.first().copied().unwrap_or(0);
                    if rows != len {
                        return Err(fail(format!(
                            "{}: {rows} labels for {len} images",
                            path.display()
                        )));
                    }
                    let (column, names) =
                        rows_of(array).map_err(|error| fail(format!("{}: {error}", path.display())))?;
                    columns.push(column);
                    classes = names;
                }
                let labels = match columns.len() {
                    0 => return Err(DataError::usage("labels: no file is given")),
                    1 => columns.remove(0),
                    _ => joined(&columns)?,
                };
                Ok(Labels::Table { labels, classes })
            }
        }
    }

    /// The label of a sample.
    pub fn get(&self, index: usize, sources: &[Box<dyn Source>]) -> Label {
        match self {
            Labels::Zero => Label::Id(0),
            Labels::Source(source) => Label::Id(sources[*source].label(index).unwrap_or(-1)),
            Labels::Table { labels, .. } => labels[index].clone(),
        }
    }

    pub fn classes<'a>(&'a self, sources: &'a [Box<dyn Source>]) -> &'a [String] {
        match self {
            Labels::Zero => &[],
            Labels::Source(source) => sources[*source].classes(),
            Labels::Table { classes, .. } => classes,
        }
    }
}

fn rows_of(array: Array) -> std::result::Result<(Vec<Label>, Vec<String>), String> {
    let width: usize = array.shape[1..].iter().product();
    let single = array.shape.len() == 1;
    let rows = |values: Vec<i64>| -> Vec<Label> {
        if single {
            return values.into_iter().map(Label::Id).collect();
        }
        let rows = values.chunks_exact(width.max(1));
        rows.map(|row| Label::Vector(row.to_vec())).collect()
    };
    match array.values {
        Values::Ints(values) => Ok((rows(values), Vec::new())),
        Values::Floats(values) => match values
            .iter()
            .position(|value| value.fract() != 0.0 || !value.is_finite())
        {
            None => Ok((
                rows(values.into_iter().map(|value| value as i64).collect()),
                Vec::new(),
            )),
            Some(at) => Err(format!("label {at} is {}, no whole number", values[at])),
        },
        Values::Texts(texts) if single => {
            let mut classes = texts.clone();
            classes.sort_unstable();
            classes.dedup();
            let ids = texts
                .iter()
                .map(|text| Label::Id(classes.partition_point(|name| name < text) as i64));
            Ok((ids.collect(), classes))
        }
        Values::Texts(_) => Err("holds a table of texts".to_owned()),
        Values::Objects(objects) => {
            let texts: Option<Vec<String>> = objects
                .iter()
                .map(|object| match object {
                    Object::Text(text) => Some(text.clone()),
                    _ => None,
                })
                .collect();
            if let Some(texts) = texts {
                let (ids, classes) = numbered(texts)?;
                return Ok((ids.into_iter().map(Label::Id).collect(), classes));
            }
            let label = |(at, object): (usize, &Object)| {
                from_object(object)
                    .ok_or_else(|| format!("label {at} is neither a number nor a list of numbers"))
            };
            let labels: std::result::Result<Vec<Label>, String> =
                objects.iter().enumerate().map(label).collect();
            Ok((labels?, Vec::new()))
        }
    }
}

fn from_object(object: &Object) -> Option<Label> {
    let whole = |object: &Object| match object {
        Object::Int(value) => Some(*value),
        Object::Float(value) if value.fract() == 0.0 => Some(*value as i64),
        _ => None,
    };
    match object {
        Object::List(items) => match items.as_slice() {
            [Object::List(present), Object::List(absent)] => {
                let ids = |list: &[Object]| list.iter().map(whole).collect::<Option<Vec<i64>>>();
                Some(Label::Pair(ids(present)?, ids(absent)?))
            }
            items => items
                .iter()
                .map(whole)
                .collect::<Option<Vec<i64>>>()
                .map(Label::Vector),
        },
        object => whole(object).map(Label::Id),
    }
}

/// One label out of one entry a file.
fn joined(columns: &[Vec<Label>]) -> Result<Vec<Label>> {
    let rows = columns[0].len();
    (0..rows)
        .map(|row| {
            let entries: Vec<&Label> = columns.iter().map(|column| &column[row]).collect();
            match entries[..] {
                [Label::Vector(present), Label::Vector(absent)] => {
                    Ok(Label::Pair(present.clone(), absent.clone()))
                }
                _ => {
                    let ids: Option<Vec<i64>> = entries
                        .iter()
                        .map(|entry| match entry {
                            Label::Id(id) => Some(*id),
                            _ => None,
                        })
                        .collect();
                    ids.map(Label::Vector).ok_or_else(|| {
                        DataError::data(
                            "labels: several files are joined only if all hold numbers, or two hold lists",
                        )
                    })
                }
            }
        })
        .collect()
}
