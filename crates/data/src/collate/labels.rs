//! Labels, validity and indices of a batch.

use super::Rest;
use super::kind::Kind;
use crate::batch::{DType, Tensor};
use crate::entry::Label;

/// Appends the tensors that go with the images.
pub(super) fn append(kind: &Kind, rest: &[Rest], tensors: &mut Vec<Tensor>) -> Result<(), String> {
    let entries = rest.first().map_or(0, |first| first.data_valid.len());
    let labels = rest.first().map_or(0, |first| first.label.len());
    if rest
        .iter()
        .any(|item| item.label.len() != labels || item.data_valid.len() != entries)
    {
        return Err("samples of one batch have different numbers of labels".to_owned());
    }
    let valid = |n: usize| rest.iter().map(move |item| item.data_valid[n]);
    let index = |n: usize| rest.iter().map(move |item| item.data_idx[n]);
    let label = |n: usize| rest.iter().map(move |item| &item.label[n]);
    match kind {
        Kind::Siamese | Kind::PatchAndImage => {
            let kept = if matches!(kind, Kind::Siamese) {
                labels
            } else {
                labels.min(1)
            };
            for n in 0..kept {
                tensors.push(stacked(format!("label.{n}"), label(n), true)?);
            }
            // −1 is true: the reference loses which images are real.
            tensors.push(bools("data_valid.0", valid(0).map(|valid| valid != 0)));
        }
        Kind::Moco => {
            let columns = |name: &str, count: usize, value: &dyn Fn(usize, usize) -> i64| {
                let values = (0..rest.len()).flat_map(|b| (0..count).map(move |n| value(b, n)));
                let shape = if count == 1 {
                    vec![rest.len()]
                } else {
                    vec![rest.len(), count]
                };
                longs(format!("{name}.0"), shape, values)
            };
            if labels > 0 {
                let ids: Result<Vec<Vec<i64>>, String> = rest
                    .iter()
                    .map(|item| item.label.iter().map(id).collect())
                    .collect();
                let ids = ids?;
                tensors.push(columns("label", labels, &|b, n| ids[b][n]));
            }
            tensors.push(columns("data_idx", entries, &|b, n| rest[b].data_idx[n]));
            tensors.push(columns("data_valid", entries, &|b, n| rest[b].data_valid[n]));
        }
        Kind::CutMixup(_) => {
            // Its targets are made with the mixture.
            joined(tensors, "data_idx", (0..entries).map(|n| index(n).collect()));
            joined(tensors, "data_valid", (0..entries).map(|n| valid(n).collect()));
        }
        Kind::Simclr | Kind::Multicrop | Kind::MulticropMixup => {
            let step = if matches!(kind, Kind::MulticropMixup) {
                2
            } else {
                1
            };
            if labels > 0 {
                let all = (0..labels).flat_map(|n| label(n).step_by(step));
                tensors.push(stacked("label.0".to_owned(), all, false)?);
            }
            joined(
                tensors,
                "data_idx",
                (0..entries).map(|n| index(n).step_by(step).collect()),
            );
            joined(
                tensors,
                "data_valid",
                (0..entries).map(|n| valid(n).step_by(step).collect()),
            );
        }
        Kind::Default | Kind::OneHot(_) => {
            for n in 0..labels {
                let name = format!("label.{n}");
                tensors.push(match kind {
                    Kind::OneHot(classes) => targets(name, label(n), *classes)?,
                    _ => stacked(name, label(n), false)?,
                });
            }
            for n in 0..entries {
                tensors.push(longs(format!("data_idx.{n}"), vec![rest.len()], index(n)));
            }
            for n in 0..entries {
                tensors.push(longs(format!("data_valid.{n}"), vec![rest.len()], valid(n)));
            }
        }
    }
    Ok(())
}

fn longs(name: String, shape: Vec<usize>, values: impl Iterator<Item = i64>) -> Tensor {
    let mut tensor = Tensor::new(name, DType::Int64, shape);
    let target = tensor.buffer.as_mut_slice::<i64>().iter_mut();
    target.zip(values).for_each(|(target, value)| *target = value);
    tensor
}

fn bools(name: &str, values: impl ExactSizeIterator<Item = bool>) -> Tensor {
    let mut tensor = Tensor::new(name.to_owned(), DType::Bool, vec![values.len()]);
    let target = tensor.buffer.as_mut_slice::<u8>().iter_mut();
    target
        .zip(values)
        .for_each(|(target, value)| *target = u8::from(value));
    tensor
}

fn joined(tensors: &mut Vec<Tensor>, name: &str, columns: impl Iterator<Item = Vec<i64>>) {
    let all: Vec<i64> = columns.flatten().collect();
    tensors.push(longs(format!("{name}.0"), vec![all.len()], all.into_iter()));
}

/// The single class of a label.
pub(super) fn id(label: &Label) -> Result<i64, String> {
    match label {
        Label::Id(id) => Ok(*id),
        Label::Vector(ids) if ids.len() == 1 => Ok(ids[0]),
        _ => Err("the collator takes one class an image, and the labels hold several".to_owned()),
    }
}

/// Labels below each other: N of single ones, N×K of vectors of length K. `flat` takes vectors of one for single.
fn stacked<'a>(
    name: String,
    labels: impl Iterator<Item = &'a Label> + Clone,
    flat: bool,
) -> Result<Tensor, String> {
    let count = labels.clone().count();
    let width = match labels.clone().next() {
        Some(Label::Vector(values)) if !(flat && values.len() == 1) => Some(values.len()),
        Some(Label::Pair(..)) => {
            return Err(
                "labels of present and absent classes need targets_one_hot_default_collator".to_owned(),
            );
        }
        _ => None,
    };
    let Some(width) = width else {
        let ids: Result<Vec<i64>, String> = labels.map(id).collect();
        return Ok(longs(name, vec![count], ids?.into_iter()));
    };
    let mut all = Vec::with_capacity(count * width);
    for label in labels {
        match label {
            Label::Vector(values) if values.len() == width => all.extend_from_slice(values),
            _ => return Err("labels of one batch have different lengths".to_owned()),
        }
    }
    Ok(longs(name, vec![count, width], all.into_iter()))
}

/// One value a class: −1 unknown, 1 present, 0 absent (which wins).
fn targets<'a>(
    name: String,
    labels: impl Iterator<Item = &'a Label>,
    classes: usize,
) -> Result<Tensor, String> {
    let mut all = Vec::new();
    let mut count = 0;
    for label in labels {
        let (present, absent): (&[i64], &[i64]) = match label {
            Label::Pair(present, absent) => (present, absent),
            _ => return Err("a label must be a pair: the classes present, the classes absent".to_owned()),
        };
        let mut vector = vec![-1; classes];
        for (ids, value) in [(present, 1), (absent, 0)] {
            for id in ids {
                let at = usize::try_from(*id).ok().filter(|at| *at < classes);
                vector[at.ok_or_else(|| format!("label {id} is not in 0..{classes}"))?] = value;
            }
        }
        all.extend(vector);
        count += 1;
    }
    let shape = if classes == 1 {
        vec![count]
    } else {
        vec![count, classes]
    };
    Ok(longs(name, shape, all.into_iter()))
}
