//! The kernels for JavaScript, on arrays that JavaScript owns.

use napi::bindgen_prelude::*;
use napi_derive::napi;
use vissl_kernels::{Metric, SizeError};

fn to_napi(error: SizeError) -> Error {
    Error::from_reason(error.to_string())
}

#[napi(object)]
pub struct Nearest {
    pub clusters: BigInt64Array,
    pub score: f64,
}

/// See `vissl_kernels::nearest_centroids`.
#[napi]
pub fn nearest_centroids(
    points: Float32Array,
    centroids: Float32Array,
    dims: u32,
    cosine: bool,
    threads: u32,
) -> Result<Nearest> {
    let metric = if cosine { Metric::Cosine } else { Metric::Euclidean };
    let found =
        vissl_kernels::nearest_centroids(&points, &centroids, dims as usize, metric, threads as usize)
            .map_err(to_napi)?;
    Ok(Nearest {
        clusters: found.clusters.into(),
        score: found.score,
    })
}

#[napi(object)]
pub struct ClusterSums {
    pub sums: Float64Array,
    pub counts: BigInt64Array,
}

/// See `vissl_kernels::cluster_sums`.
#[napi]
pub fn cluster_sums(
    points: Float32Array,
    clusters: BigInt64Array,
    count: u32,
    dims: u32,
    threads: u32,
) -> Result<ClusterSums> {
    let found = vissl_kernels::cluster_sums(
        &points,
        &clusters,
        count as usize,
        dims as usize,
        threads as usize,
    )
    .map_err(to_napi)?;
    Ok(ClusterSums {
        sums: found.sums.into(),
        counts: found.counts.into(),
    })
}
