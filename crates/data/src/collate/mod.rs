//! How the samples of a batch become tensors.
//!
//! Images are written to their place as soon as their sample is transformed; labels, validity and indices are
//! joined when all samples are there.

mod kind;
mod labels;
pub mod mix;

pub use kind::Collator;

use crate::batch::{Batch, DType, Tensor};
use crate::entry::{Entry, Label, Sample};
use crate::pool::Pool;
use crate::rng::Rng;
use kind::Kind;

/// What a batch keeps of a sample besides its images.
pub(crate) struct Rest {
    pub label: Vec<Label>,
    pub data_valid: Vec<i64>,
    pub data_idx: Vec<i64>,
}

/// A batch in the making.
pub struct Collation<'a> {
    collator: &'a Collator,
    pool: &'a Pool,
    count: usize,
    /// Of every sample.
    entries: usize,
    channels_last: bool,
    rng: Rng,
    /// The part of the even image in a pair-wise mixture.
    share: f64,
    tensors: Vec<Tensor>,
    rest: Vec<Rest>,
    scratch: Vec<f32>,
}

impl Collator {
    /// Begins a batch of `count` samples on memory of `pool`. `rng` is the batch's own stream.
    ///
    /// # Errors
    /// The collator cannot make a batch of so many.
    pub fn begin<'a>(
        &'a self,
        count: usize,
        channels_last: bool,
        mut rng: Rng,
        pool: &'a Pool,
    ) -> Result<Collation<'a>, String> {
        let mut share = 1.0;
        if let Kind::MulticropMixup = self.kind {
            if !count.is_multiple_of(2) {
                return Err(format!(
                    "multicrop_mixup_collator mixes pairs, and the batch has {count} samples; set DROP_LAST to true \
                     and BATCHSIZE_PER_REPLICA to an even number"
                ));
            }
            share = rng.beta(0.2, 0.2);
        }
        Ok(Collation {
            collator: self,
            pool,
            count,
            entries: 0,
            channels_last,
            rng,
            share,
            tensors: Vec::new(),
            rest: Vec::with_capacity(count),
            scratch: Vec::new(),
        })
    }
}

/// Where the images of one entry of `data` go.
struct Target {
    name: String,
    /// Which of the equally large parts of the tensor, and how many there are.
    block: usize,
    blocks: usize,
}

impl Collation<'_> {
    /// Sets the share of the even images of a pair-wise mixture (it is drawn otherwise).
    pub fn with_share(mut self, share: f64) -> Self {
        self.share = share;
        self
    }

    /// Adds the sample at the next position.
    ///
    /// # Errors
    /// Its tensors have another shape than those before it, or there are more or fewer of them.
    pub fn add(&mut self, sample: Sample) -> Result<(), String> {
        let (position, entries) = (self.rest.len(), sample.data.len());
        self.collator.kind.check(entries)?;
        if position == 0 {
            self.entries = entries;
        } else if entries != self.entries {
            // Every part of a tensor must be written.
            return Err(format!(
                "has {entries} images after the transforms where others of its batch have {}",
                self.entries
            ));
        }
        for (n, entry) in sample.data.iter().enumerate() {
            if let Some(target) = self.target(n, position, entries) {
                self.place(&target, entry, position)?;
            }
        }
        self.rest.push(Rest {
            label: sample.label,
            data_valid: sample.data_valid,
            data_idx: sample.data_idx,
        });
        Ok(())
    }

    /// Where entry `n` of the sample at `position` goes; `None` leaves it out.
    fn target(&self, n: usize, position: usize, entries: usize) -> Option<Target> {
        let count = self.count;
        let target = |name: String, block, blocks| Some(Target { name, block, blocks });
        match self.collator.kind.layout() {
            Kind::Simclr => target("data.0".to_owned(), n * count + position, entries * count),
            Kind::Multicrop => target(format!("data.0.{n}"), position, count),
            Kind::MulticropMixup => target(format!("data.0.{n}"), position / 2, count / 2),
            Kind::Moco if n == 0 => target("data.0".to_owned(), position, count),
            Kind::Moco if n == 1 => target("data_momentum.0".to_owned(), position, count),
            Kind::Moco => None,
            Kind::PatchAndImage if n == 0 => target("images.0".to_owned(), position, count),
            Kind::PatchAndImage => target(
                "patches.0".to_owned(),
                position * (entries - 1) + n - 1,
                count * (entries - 1),
            ),
            _ => target(format!("data.{n}"), position, count),
        }
    }

    fn place(&mut self, target: &Target, entry: &Entry, position: usize) -> Result<(), String> {
        let shape = entry
            .shape()
            .ok_or("an image was not made a tensor: add ToTensor")?;
        let full = match self.collator.kind {
            Kind::Siamese if shape.len() < 2 => {
                return Err("siamese_collator takes stacks of images".to_owned());
            }
            Kind::Siamese => [&[target.blocks * shape[0]], &shape[1..]].concat(),
            _ => [&[target.blocks], &shape[..]].concat(),
        };
        let at = self.tensors.iter().position(|tensor| tensor.name == target.name);
        let at = match at {
            Some(at) if self.tensors[at].shape == full => at,
            Some(at) => return Err(differs(&full, &self.tensors[at].shape)),
            None => {
                self.tensors.push(Tensor {
                    channels_last: self.channels_last && full.len() == 4,
                    ..Tensor::of_pool(target.name.clone(), DType::Float32, full, self.pool)
                });
                self.tensors.len() - 1
            }
        };
        let elements: usize = shape.iter().product();
        let tensor = &mut self.tensors[at];
        let channels_last = tensor.channels_last;
        let rows = tensor.buffer.as_mut_slice::<f32>();
        let block = &mut rows[target.block * elements..(target.block + 1) * elements];
        let Kind::MulticropMixup = self.collator.kind else {
            entry.write(block, channels_last);
            return Ok(());
        };
        if position.is_multiple_of(2) {
            entry.write(block, channels_last);
            let share = self.share as f32;
            block.iter_mut().for_each(|value| *value *= share);
        } else {
            self.scratch.resize(elements, 0.0);
            entry.write(&mut self.scratch, channels_last);
            let share = (1.0 - self.share) as f32;
            for (value, other) in block.iter_mut().zip(&self.scratch) {
                *value += share * other;
            }
        }
        Ok(())
    }

    /// The whole batch.
    ///
    /// # Errors
    /// Samples are missing, or labels do not fit together.
    pub fn finish(mut self, index: usize) -> Result<Batch, String> {
        if self.rest.len() != self.count {
            return Err(format!("has {} of {} samples", self.rest.len(), self.count));
        }
        let rest = std::mem::take(&mut self.rest);
        let mut tensors = std::mem::take(&mut self.tensors);
        if let Kind::CutMixup(settings) = &self.collator.kind {
            mix::mix(settings, &mut tensors, &rest, &mut self.rng)?;
        }
        labels::append(&self.collator.kind, &rest, &mut tensors)?;
        Ok(Batch {
            index,
            size: self.count,
            tensors,
        })
    }
}

fn differs(found: &[usize], others: &[usize]) -> String {
    match (found, others) {
        ([.., height, width], [.., h, w]) if (height, width) != (h, w) => format!(
            "is {width}x{height} after the transforms where others of its batch are {w}x{h}; \
             add a crop or a Resize to [height, width]"
        ),
        _ => format!(
            "has tensors of shape {:?} where others of its batch have {:?}",
            &found[1..],
            &others[1..]
        ),
    }
}
