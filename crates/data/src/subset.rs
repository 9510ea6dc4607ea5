//! Which samples a data limit keeps, as NumPy's legacy generator draws them.

use crate::error::{DataError, Result};
use crate::mt19937::Mt19937;
use serde::Deserialize;

/// A random part of a data set.
#[derive(Debug, Clone, Copy, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SubsetSpec {
    #[serde(default)]
    pub seed: u32,
    /// The same number of samples of every label, as nearly as can be.
    #[serde(default)]
    pub balanced: bool,
    /// Samples that are drawn first and left out.
    #[serde(default)]
    pub skip: usize,
}

/// `RandomState.permutation(count)[:size]`.
fn choice(generator: &mut Mt19937, count: usize, size: usize) -> Vec<usize> {
    let mut order: Vec<usize> = (0..count).collect();
    for i in (1..count).rev() {
        let mask = (u64::MAX >> (i as u64).leading_zeros()) as u32;
        let j = loop {
            let drawn = (generator.next_u32() & mask) as usize;
            if drawn <= i {
                break drawn;
            }
        };
        order.swap(i, j);
    }
    order.truncate(size);
    order
}

impl SubsetSpec {
    /// Indices of the `limit` samples of `len` that are kept.
    ///
    /// # Errors
    /// There are fewer samples; a balanced part lacks labels or samples of one.
    pub fn draw(&self, len: usize, limit: usize, label: impl Fn(usize) -> Option<i64>) -> Result<Vec<u32>> {
        let too_few = |of: &str, wanted: usize, count: usize| {
            DataError::data(format!(
                "DATA_LIMIT: {wanted} samples{of} are wanted, and there are {count}"
            ))
            .fix("lower DATA_LIMIT or DATA_LIMIT_SAMPLING.SKIP_NUM_SAMPLES")
        };
        if len > u32::MAX as usize {
            return Err(too_few(" of a list of at most 4294967295", limit, len));
        }
        let mut generator = Mt19937::new(u64::from(self.seed));
        let wanted = limit.saturating_add(self.skip);
        if !self.balanced {
            if wanted > len {
                return Err(too_few("", wanted, len));
            }
            let drawn = choice(&mut generator, len, wanted);
            return Ok(drawn[self.skip..].iter().map(|index| *index as u32).collect());
        }
        let mut by_label: std::collections::BTreeMap<i64, Vec<u32>> = std::collections::BTreeMap::new();
        for index in 0..len {
            let label = label(index).ok_or_else(|| {
                DataError::usage("DATA_LIMIT_SAMPLING.IS_BALANCED needs one label an image")
                    .fix("set LABEL_SOURCES, or IS_BALANCED to false")
            })?;
            by_label.entry(label).or_default().push(index as u32);
        }
        let classes = by_label.len();
        if limit < classes {
            return Err(DataError::usage(format!(
                "DATA_LIMIT: {limit} samples cannot be balanced over {classes} labels"
            )));
        }
        let share = |total: usize, at: usize| total / classes + usize::from(at < total % classes);
        let mut kept = Vec::with_capacity(limit);
        for (at, (label, indices)) in by_label.iter().enumerate() {
            let (skip, size) = (share(self.skip, at), share(limit, at));
            if skip + size > indices.len() {
                return Err(too_few(&format!(" of label {label}"), skip + size, indices.len()));
            }
            let drawn = choice(&mut generator, indices.len(), skip + size);
            kept.extend(drawn[skip..].iter().map(|index| indices[*index]));
        }
        Ok(kept)
    }
}
