//! Applying one planned action to a sample.

use std::sync::Arc;

use super::action::{Action, Erasing, Erasure};
use super::affine::rotate;
use super::lab::to_lab;
use super::params::Filter;
use super::plan::{Planned, Scripts, picture};
use super::region::random_erasure;
use super::step::apply_all;
use crate::entry::{Entry, Erased, Floats, Label, Pixels, Sample};
use crate::image::Image;
use crate::rng::{Place, Rng};

type Outcome = Result<(), String>;

impl Planned {
    pub fn apply(&self, sample: &mut Sample, place: Place, scripts: Option<&dyn Scripts>) -> Outcome {
        match &self.action {
            Action::Replicate(times) => self.copies(sample, place, |image, _| Ok(vec![image; *times])),
            Action::MultiCrop(crops) => self.copies(sample, place, |image, rng| {
                Ok(crops
                    .iter()
                    .map(|crop| Arc::new(crop.apply(&image, rng)))
                    .collect())
            }),
            Action::ImageAndPatches {
                image: whole,
                patches,
                grid,
            } => self.copies(sample, place, |image, rng| {
                let mut all = vec![Arc::new(whole.apply(&image, rng))];
                let mut cut = grid.cut(&patches.apply(&image, rng), rng)?;
                for i in 0..cut.len().saturating_sub(1) {
                    let other = i + rng.below(cut.len() - i);
                    cut.swap(i, other);
                }
                all.extend(cut.into_iter().map(Arc::new));
                Ok(all)
            }),
            Action::OneHot(classes) => one_hot(sample, *classes),
            _ => self.entries.iter().try_for_each(|at| {
                let Some(entry) = sample.data.get_mut(*at) else {
                    return Ok(());
                };
                let label = self.entry(entry, *at, place, scripts)?;
                if let Some(label) = label {
                    // As the later reference does: in place of the last label.
                    sample.label.pop();
                    sample.label.push(label);
                }
                Ok(())
            }),
        }
    }

    /// An action on one entry by itself. @returns the label that it decides
    fn entry(
        &self,
        entry: &mut Entry,
        at: usize,
        place: Place,
        scripts: Option<&dyn Scripts>,
    ) -> Result<Option<Label>, String> {
        let mut rng = self.stream(place, at);
        match &self.action {
            Action::Step(step) => step.apply(picture(entry)?, &mut rng)?,
            Action::Group(probabilities, steps) => {
                let p = probabilities.get(at).copied().unwrap_or(0.0);
                let drawn = rng.chance(p);
                if drawn {
                    apply_all(steps, picture(entry)?, &mut rng)?;
                }
            }
            Action::Rotate(angles) => {
                let turn = rng.below(*angles);
                let image = picture(entry)?;
                let degrees = 360.0 * turn as f64 / *angles as f64;
                *image = Arc::new(rotate(image, degrees, Filter::Nearest, [0; 3]));
                return Ok(Some(Label::Id(turn as i64)));
            }
            Action::Tensor { lab, tables } => {
                let image = picture(entry)?;
                let image = if *lab {
                    Arc::new(to_lab(image))
                } else {
                    Arc::clone(image)
                };
                *entry = Entry::Pixels(Pixels {
                    images: vec![image],
                    stacked: false,
                    tables: Arc::clone(tables),
                    erased: Vec::new(),
                });
            }
            Action::Normalize { mean, std } => normalize(entry, mean, std)?,
            Action::Erase(erasing) => erase(entry, erasing, &mut rng)?,
            Action::Cut(grid) => {
                let pixels = pixels(entry)?;
                let cut = grid.cut(&pixels.images[0], &mut rng)?;
                pixels.images = cut.into_iter().map(Arc::new).collect();
                pixels.stacked = true;
            }
            Action::Shuffle(permutations) => {
                let row = rng.below(permutations.len());
                let pixels = pixels(entry)?;
                let order = &permutations[row];
                if order.len() != pixels.images.len() {
                    return Err(format!(
                        "the permutations are of {} patches, and there are {}",
                        order.len(),
                        pixels.images.len()
                    ));
                }
                pixels.images = order.iter().map(|at| Arc::clone(&pixels.images[*at])).collect();
                return Ok(Some(Label::Id(row as i64)));
            }
            Action::Script(script) => {
                let scripts = scripts.ok_or("nothing runs the transforms written in TypeScript")?;
                let taken = std::mem::replace(
                    entry,
                    Entry::Floats(Floats {
                        shape: vec![],
                        values: vec![],
                    }),
                );
                *entry = scripts.run(*script, taken, self.place(place, at))?;
            }
            _ => {}
        }
        Ok(None)
    }

    /// Replaces entries by several pictures each; labels, validity and indices are repeated with them.
    fn copies(
        &self,
        sample: &mut Sample,
        place: Place,
        make: impl Fn(Arc<Image>, &mut Rng) -> Result<Vec<Arc<Image>>, String>,
    ) -> Outcome {
        let before = sample.data.len();
        let mut counts = Vec::with_capacity(before);
        let mut data = Vec::new();
        for (at, mut entry) in std::mem::take(&mut sample.data).into_iter().enumerate() {
            if self.entries.contains(&at) {
                let made = make(Arc::clone(picture(&mut entry)?), &mut self.stream(place, at))?;
                counts.push(made.len());
                data.extend(made.into_iter().map(Entry::Picture));
            } else {
                counts.push(1);
                data.push(entry);
            }
        }
        sample.data = data;
        sample.data_valid = repeat(&sample.data_valid, &counts);
        sample.data_idx = repeat(&sample.data_idx, &counts);
        sample.label = repeat(&sample.label, &counts);
        Ok(())
    }
}

/// Repeats element i `counts[i]` times; a list of another length is repeated whole, once a copy of the first entry.
fn repeat<T: Clone>(list: &[T], counts: &[usize]) -> Vec<T> {
    if list.len() == counts.len() {
        let each = list.iter().zip(counts);
        return each
            .flat_map(|(item, count)| std::iter::repeat_n(item.clone(), *count))
            .collect();
    }
    let times = counts.first().copied().unwrap_or(1);
    (0..times).flat_map(|_| list.iter().cloned()).collect()
}

fn pixels(entry: &mut Entry) -> Result<&mut Pixels, String> {
    match entry {
        Entry::Pixels(pixels) => Ok(pixels),
        _ => Err(
            "this transform works on what ToTensor makes, not on the result of a TypeScript transform"
                .to_owned(),
        ),
    }
}

fn normalize(entry: &mut Entry, mean: &[f32], std: &[f32]) -> Outcome {
    match entry {
        Entry::Pixels(pixels) => {
            // In one piece of memory that this sample owns.
            let tables = Arc::make_mut(&mut pixels.tables);
            for (table, (mean, std)) in tables.iter_mut().zip(mean.iter().zip(std)) {
                table.iter_mut().for_each(|value| *value = (*value - mean) / std);
            }
            for part in &mut pixels.erased {
                let each = (part.values.len() / mean.len()).max(1);
                if part.values.len() == 1 {
                    part.values = vec![part.values[0]; mean.len()];
                }
                for (i, value) in part.values.iter_mut().enumerate() {
                    let c = (i / each).min(mean.len() - 1);
                    *value = (*value - mean[c]) / std[c];
                }
            }
            Ok(())
        }
        Entry::Floats(floats) => {
            let [channels, height, width] = floats.shape[floats.shape.len().saturating_sub(3)..] else {
                return Err(format!(
                    "Normalize: shape {:?} is not that of an image",
                    floats.shape
                ));
            };
            if channels != mean.len() && mean.len() != 1 {
                return Err(format!(
                    "Normalize: {} values for {channels} channels",
                    mean.len()
                ));
            }
            for (i, value) in floats.values.iter_mut().enumerate() {
                let c = (i / (height * width).max(1) % channels).min(mean.len() - 1);
                *value = (*value - mean[c]) / std[c];
            }
            Ok(())
        }
        Entry::Picture(_) => Err("Normalize met an image".to_owned()),
    }
}

fn erase(entry: &mut Entry, erasing: &Erasing, rng: &mut Rng) -> Outcome {
    if !rng.chance(erasing.p) {
        return Ok(());
    }
    let pixels = pixels(entry)?;
    let (width, height) = (pixels.images[0].width, pixels.images[0].height);
    let Some(region) = random_erasure(width, height, erasing.scale, erasing.ratio, rng) else {
        return Ok(());
    };
    let elements = pixels.channels() * region.width * region.height;
    let values = match &erasing.value {
        Erasure::Values(values) => values.clone(),
        Erasure::Noise => {
            // A stream of a place has too few draws for every element of a large image.
            let mut seeds = rng.clone();
            (0..elements)
                .map(|i| {
                    if i % 1024 == 0 {
                        seeds = Rng::with_seed((u64::from(rng.next_u32()) << 32) | u64::from(rng.next_u32()));
                    }
                    seeds.normal() as f32
                })
                .collect()
        }
    };
    pixels.erased.push(Erased {
        left: region.left,
        top: region.top,
        width: region.width,
        height: region.height,
        values,
    });
    Ok(())
}

fn one_hot(sample: &mut Sample, classes: usize) -> Outcome {
    for label in &mut sample.label {
        let ids = match &*label {
            Label::Id(id) => vec![*id],
            Label::Vector(ids) => ids.clone(),
            Label::Pair(ids, _) => ids.clone(),
        };
        let mut vector = vec![0; classes];
        for id in ids {
            let at = usize::try_from(id).ok().filter(|at| *at < classes);
            vector[at.ok_or_else(|| format!("OneHotEncode: label {id} is not in 0..{classes}"))?] = 1;
        }
        *label = Label::Vector(vector);
    }
    Ok(())
}
