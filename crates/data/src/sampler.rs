use crate::error::{DataError, Result};
use crate::mt19937::Mt19937;
use crate::permutation::Permutation;
use serde::Deserialize;

/// In which order one rank sees the samples of an epoch.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum SamplerKind {
    /// The reference's standard sampler: one permutation for all ranks, padded from its start, dealt out in turns.
    Distributed,
    /// The reference's stateful sampler: a contiguous block a rank, the same permutation within each; tail dropped.
    Stateful,
    /// A keyed permutation, dealt out in turns: takes no memory and no time to begin at any number of samples.
    /// Padded from its start like `distributed`, or the tail dropped where the last batch is dropped too.
    Keyed,
    /// In order, dealt out in turns, padded from the start like `distributed`.
    Sequential,
    /// The later reference's debugging sampler: in order, a contiguous block a rank; tail dropped.
    Debugging,
}

/// Greatest data set whose order PyTorch draws with 32-bit numbers.
const MAX_SAMPLES: usize = (u32::MAX / 20) as usize;

/// What an order is a function of.
#[derive(Debug, Clone, Copy)]
pub struct Sharding {
    pub kind: SamplerKind,
    /// Samples of the data set.
    pub len: usize,
    pub rank: usize,
    pub world: usize,
    /// Of a keyed order: whether samples that do not make up a whole turn are left out.
    pub drop_tail: bool,
    /// Of a keyed order.
    pub seed: u64,
}

/// The samples of one rank in one epoch.
pub struct Order {
    sharding: Sharding,
    per_rank: usize,
    shuffle: Shuffle,
}

enum Shuffle {
    None,
    Table(Vec<u32>),
    Keyed(Permutation),
    /// The rank's own samples, drawn by the caller.
    Given(Vec<u32>),
}

impl Sharding {
    /// How many samples every rank sees in an epoch.
    pub fn samples_per_rank(&self) -> usize {
        let world = self.world.max(1);
        match self.kind {
            SamplerKind::Stateful | SamplerKind::Debugging => self.len / world,
            SamplerKind::Keyed if self.drop_tail => self.len / world,
            _ => self.len.div_ceil(world),
        }
    }

    /// The order of epoch `epoch`. The tables equal `torch.randperm(n, generator=manual_seed(epoch))`.
    pub fn order(&self, epoch: u64) -> Result<Order> {
        let Sharding { rank, world, len, .. } = *self;
        if world == 0 || rank >= world {
            return Err(DataError::usage(format!(
                "sampler: rank {rank} is not below the world size {world}"
            )));
        }
        let per_rank = self.samples_per_rank();
        let table = |count: usize| {
            if count > MAX_SAMPLES {
                return Err(DataError::usage(format!(
                    "sampler: {count} samples are more than the limit of {MAX_SAMPLES}"
                ))
                .fix("use the keyed order, which has none"));
            }
            Ok(Shuffle::Table(Mt19937::randperm(epoch, count)))
        };
        let shuffle = match self.kind {
            SamplerKind::Stateful => table(per_rank)?,
            SamplerKind::Distributed => table(len)?,
            SamplerKind::Keyed => Shuffle::Keyed(Permutation::new(len as u64, self.seed, epoch)),
            SamplerKind::Sequential | SamplerKind::Debugging => Shuffle::None,
        };
        Ok(Order {
            sharding: *self,
            per_rank,
            shuffle,
        })
    }
}

impl Order {
    /// An order that the caller has drawn.
    ///
    /// # Errors
    /// An index is not below the `len` of `sharding`.
    pub fn given(sharding: Sharding, samples: Vec<u32>) -> Result<Order> {
        let len = sharding.len;
        if let Some(at) = samples.iter().position(|sample| *sample as usize >= len) {
            return Err(DataError::usage(format!(
                "sampler: sample {} at place {at} of an order, and there are {len} samples",
                samples[at]
            )));
        }
        Ok(Order {
            sharding,
            per_rank: samples.len(),
            shuffle: Shuffle::Given(samples),
        })
    }

    pub fn len(&self) -> usize {
        self.per_rank
    }

    pub fn is_empty(&self) -> bool {
        self.per_rank == 0
    }

    /// The index of the sample at a position below [`Order::len`].
    pub fn get(&self, position: usize) -> usize {
        let Sharding {
            kind,
            len,
            rank,
            world,
            ..
        } = self.sharding;
        let shuffled = |at: usize| match &self.shuffle {
            Shuffle::None => at,
            Shuffle::Table(table) | Shuffle::Given(table) => table[at] as usize,
            Shuffle::Keyed(permutation) => permutation.get(at as u64) as usize,
        };
        match kind {
            _ if matches!(self.shuffle, Shuffle::Given(_)) => shuffled(position),
            SamplerKind::Stateful | SamplerKind::Debugging => rank * self.per_rank + shuffled(position),
            _ => shuffled((rank + position * world) % len.max(1)),
        }
    }
}
