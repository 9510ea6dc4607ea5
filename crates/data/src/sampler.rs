use crate::error::{DataError, Result};
use crate::mt19937::Mt19937;
use serde::Deserialize;

/// In which order one rank sees the samples of an epoch.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum SamplerKind {
    /// The reference's standard sampler: one permutation for all ranks, padded from its start, dealt out in turns.
    Distributed,
    /// The reference's stateful sampler: a contiguous block a rank, the same permutation within each; tail dropped.
    Stateful,
    /// In order, a contiguous turn a rank, padded from the start like `distributed`.
    Sequential,
}

/// Greatest data set whose order PyTorch draws with 32-bit numbers.
const MAX_SAMPLES: usize = (u32::MAX / 20) as usize;

/// The sample indices of `rank` in epoch `epoch`. The permutations equal
/// `torch.randperm(n, generator=manual_seed(epoch))`.
pub fn order(kind: SamplerKind, len: usize, rank: usize, world: usize, epoch: u64) -> Result<Vec<u32>> {
    if world == 0 || rank >= world {
        return Err(DataError::usage(format!(
            "sampler: rank {rank} is not below the world size {world}"
        )));
    }
    if len > MAX_SAMPLES {
        return Err(DataError::usage(format!(
            "sampler: {len} samples are more than the limit of {MAX_SAMPLES}"
        )));
    }
    if len == 0 {
        return Ok(Vec::new());
    }
    let per_rank = samples_per_rank(kind, len, world);
    let all = match kind {
        SamplerKind::Stateful => {
            let permutation = Mt19937::randperm(epoch, per_rank);
            return Ok(permutation
                .into_iter()
                .map(|i| i + (rank * per_rank) as u32)
                .collect());
        }
        SamplerKind::Distributed => Mt19937::randperm(epoch, len),
        SamplerKind::Sequential => (0..len as u32).collect(),
    };
    Ok((0..per_rank).map(|i| all[(rank + i * world) % len]).collect())
}

/// How many samples every rank sees in an epoch.
pub fn samples_per_rank(kind: SamplerKind, len: usize, world: usize) -> usize {
    match kind {
        SamplerKind::Stateful => len / world.max(1),
        _ => len.div_ceil(world.max(1)),
    }
}
