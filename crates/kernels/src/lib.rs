//! Loops that are hot and that libtorch has no operator for. Results depend neither on the number of threads nor on how
//! they are scheduled.

mod centroids;
mod nearest;
mod sums;
mod threads;

pub use nearest::{Metric, Nearest, nearest_centroids};
pub use sums::{ClusterSums, cluster_sums};

/// Sizes that do not fit; the text says which.
#[derive(Debug, PartialEq, Eq)]
pub struct SizeError(pub String);

impl std::fmt::Display for SizeError {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.0)
    }
}

impl std::error::Error for SizeError {}

/// Number of rows of `dims` values that `values` is made of.
fn rows(what: &str, values: &[f32], dims: usize) -> Result<usize, SizeError> {
    if dims == 0 || !values.len().is_multiple_of(dims) {
        return Err(SizeError(format!(
            "{what}: {} values are no rows of {dims}",
            values.len()
        )));
    }
    Ok(values.len() / dims)
}
