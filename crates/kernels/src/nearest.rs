use pulp::{Arch, Simd, WithSimd};

use crate::centroids::Panels;
use crate::threads::share;
use crate::{SizeError, rows};

/// How near a point x and a centroid c are: the larger the score, the nearer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Metric {
    /// x·c − ‖c‖²/2, largest where ‖x − c‖ is smallest.
    Euclidean,
    /// x·c, the cosine of points and centroids of length 1.
    Cosine,
}

#[derive(Debug, PartialEq)]
pub struct Nearest {
    /// The centroid with the largest score of each point; of several the first. 0 for a point that is not a number.
    pub clusters: Vec<i64>,
    /// Sum of the largest scores.
    pub score: f64,
}

/// Points whose scores are kept at a time: a multiple of every tile's height.
const BLOCK: usize = 96;
/// Points that a thread takes at a time, and whose scores are summed by themselves.
const CHUNK: usize = 8 * BLOCK;
/// Vectors of centroids in a panel.
const VECTORS: usize = 2;

/// The nearest of K centroids for every point, without a matrix of all scores: a tile of points × centroids stays in
/// registers from its first product to the comparison with the best so far.
///
/// `points` and `centroids`: rows of `dims` values. `threads`: 0 counts as 1.
pub fn nearest_centroids(
    points: &[f32],
    centroids: &[f32],
    dims: usize,
    metric: Metric,
    threads: usize,
) -> Result<Nearest, SizeError> {
    let count = rows("points", points, dims)?;
    if rows("centroids", centroids, dims)? == 0 {
        return Err(SizeError("there are no centroids".to_owned()));
    }
    Ok(Arch::new().dispatch(Search {
        points,
        centroids,
        count,
        dims,
        metric,
        threads,
    }))
}

struct Search<'a> {
    points: &'a [f32],
    centroids: &'a [f32],
    count: usize,
    dims: usize,
    metric: Metric,
    threads: usize,
}

impl WithSimd for Search<'_> {
    type Output = Nearest;

    fn with_simd<S: Simd>(self, simd: S) -> Nearest {
        let panels = Panels::new(self.centroids, self.dims, VECTORS * S::F32_LANES, self.metric);
        let mut clusters = vec![0; self.count];
        let mut scores = vec![0.0; self.count.div_ceil(CHUNK)];
        let chunks = self
            .points
            .chunks(CHUNK * self.dims)
            .zip(clusters.chunks_mut(CHUNK))
            .zip(&mut scores);
        share(chunks, self.threads, |((points, clusters), score)| {
            *score = simd.vectorize(Chunk {
                simd,
                panels: &panels,
                points,
                clusters,
            });
        });
        Nearest {
            clusters,
            score: scores.iter().sum(),
        }
    }
}

struct Chunk<'a, S> {
    simd: S,
    panels: &'a Panels,
    points: &'a [f32],
    clusters: &'a mut [i64],
}

impl<S: Simd> pulp::NullaryFnOnce for Chunk<'_, S> {
    type Output = f64;

    /// A tile has as many accumulators as registers leave room for beside the two vectors of the panel.
    #[inline(always)]
    fn call(self) -> f64 {
        if S::F32_LANES >= 16 {
            self.run::<12>()
        } else {
            self.run::<6>()
        }
    }
}

impl<S: Simd> Chunk<'_, S> {
    #[inline(always)]
    fn run<const HEIGHT: usize>(self) -> f64 {
        let Self {
            simd,
            panels,
            points,
            clusters,
        } = self;
        let dims = panels.dims;
        let mut packed = vec![0.0; BLOCK * dims];
        let mut sum = 0.0;
        for (points, clusters) in points.chunks(BLOCK * dims).zip(clusters.chunks_mut(BLOCK)) {
            pack::<HEIGHT>(points, &mut packed, dims);
            let mut best = [[simd.splat_f32s(f32::NEG_INFINITY); VECTORS]; BLOCK];
            let mut number = [[simd.splat_u32s(0); VECTORS]; BLOCK];
            for (panel, (values, offsets)) in panels.iter().enumerate() {
                let panel = simd.splat_u32s(panel as u32);
                let tiles = packed
                    .chunks_exact(HEIGHT * dims)
                    .zip(best.as_chunks_mut::<HEIGHT>().0);
                for ((tile, best), number) in tiles.zip(number.as_chunks_mut::<HEIGHT>().0) {
                    let scores = product::<S, HEIGHT>(simd, tile, values, offsets);
                    for row in 0..HEIGHT {
                        for vector in 0..VECTORS {
                            let score = scores[row][vector];
                            let is_better = simd.greater_than_f32s(score, best[row][vector]);
                            best[row][vector] = simd.select_f32s(is_better, score, best[row][vector]);
                            number[row][vector] = simd.select_u32s(is_better, panel, number[row][vector]);
                        }
                    }
                }
            }
            for ((cluster, best), number) in clusters.iter_mut().zip(&best).zip(&number) {
                let (score, at) = first_of_largest::<S>(best, number, panels.width);
                *cluster = at as i64;
                sum += f64::from(score);
            }
        }
        sum
    }
}

/// Points in tiles of `HEIGHT`: value by value, the values of the points of a tile side by side. What is left over from
/// before where a block is not full is computed with and not looked at.
#[inline(always)]
fn pack<const HEIGHT: usize>(points: &[f32], packed: &mut [f32], dims: usize) {
    for (tile, points) in packed
        .chunks_exact_mut(HEIGHT * dims)
        .zip(points.chunks(HEIGHT * dims))
    {
        for (row, point) in points.chunks_exact(dims).enumerate() {
            for (place, value) in tile.as_chunks_mut::<HEIGHT>().0.iter_mut().zip(point) {
                place[row] = *value;
            }
        }
    }
}

/// The scores of a tile of points with a panel of centroids. Products are summed in the order of the values.
#[inline(always)]
fn product<S: Simd, const HEIGHT: usize>(
    simd: S,
    tile: &[f32],
    panel: &[f32],
    offsets: &[f32],
) -> [[S::f32s; VECTORS]; HEIGHT] {
    let mut sums = [[simd.splat_f32s(0.0); VECTORS]; HEIGHT];
    let panel = S::as_simd_f32s(panel).0.as_chunks::<VECTORS>().0;
    for (points, centroids) in tile.as_chunks::<HEIGHT>().0.iter().zip(panel) {
        for row in 0..HEIGHT {
            let value = simd.splat_f32s(points[row]);
            for vector in 0..VECTORS {
                sums[row][vector] = simd.mul_add_e_f32s(value, centroids[vector], sums[row][vector]);
            }
        }
    }
    let offsets = S::as_simd_f32s(offsets).0;
    for row in &mut sums {
        for vector in 0..VECTORS {
            row[vector] = simd.add_f32s(row[vector], offsets[vector]);
        }
    }
    sums
}

/// The largest score and the first centroid that has it; 0 when nothing was larger than −∞.
#[inline(always)]
fn first_of_largest<S: Simd>(
    best: &[S::f32s; VECTORS],
    panel: &[S::u32s; VECTORS],
    width: usize,
) -> (f32, usize) {
    let mut found = (f32::NEG_INFINITY, 0);
    for vector in 0..VECTORS {
        let scores: &[f32] = bytes_of::<S::f32s, f32>(&best[vector]);
        let panels: &[u32] = bytes_of::<S::u32s, u32>(&panel[vector]);
        for (lane, (&score, &panel)) in scores.iter().zip(panels).enumerate() {
            let at = panel as usize * width + vector * S::F32_LANES + lane;
            if score > found.0 || (score == found.0 && at < found.1) {
                found = (score, at);
            }
        }
    }
    found
}

/// The lanes of a vector.
#[inline(always)]
fn bytes_of<V: pulp::bytemuck::Pod, T: pulp::bytemuck::Pod>(vector: &V) -> &[T] {
    pulp::bytemuck::cast_slice(std::slice::from_ref(vector))
}
