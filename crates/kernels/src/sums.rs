use crate::threads::share;
use crate::{SizeError, rows};

#[derive(Debug, PartialEq)]
pub struct ClusterSums {
    /// K rows of `dims` values.
    pub sums: Vec<f64>,
    /// K.
    pub counts: Vec<i64>,
}

/// Clusters that a thread takes at a time.
const CHUNK: usize = 16;

/// The sum of the points of each of K clusters, in the order of the points.
///
/// `points`: rows of `dims` values. `clusters`: of each point, 0 to K − 1. `threads`: 0 counts as 1.
pub fn cluster_sums(
    points: &[f32],
    clusters: &[i64],
    count: usize,
    dims: usize,
    threads: usize,
) -> Result<ClusterSums, SizeError> {
    let points_count = rows("points", points, dims)?;
    if points_count != clusters.len() {
        return Err(SizeError(format!(
            "{points_count} points with {} clusters",
            clusters.len()
        )));
    }
    let members = Members::new(clusters, count)?;
    let mut sums = vec![0.0; count * dims];
    share(
        sums.chunks_mut(CHUNK * dims).enumerate(),
        threads,
        |(chunk, sums)| {
            for (at, sum) in sums.chunks_exact_mut(dims).enumerate() {
                for &point in members.of(chunk * CHUNK + at) {
                    for (sum, value) in sum.iter_mut().zip(&points[point as usize * dims..][..dims]) {
                        *sum += f64::from(*value);
                    }
                }
            }
        },
    );
    Ok(ClusterSums {
        sums,
        counts: members.counts(),
    })
}

/// Points cluster by cluster, in their order.
struct Members {
    points: Vec<u32>,
    /// Where each cluster begins, and the end.
    begins: Vec<usize>,
}

impl Members {
    fn new(clusters: &[i64], count: usize) -> Result<Self, SizeError> {
        let place = |cluster: i64| {
            usize::try_from(cluster)
                .ok()
                .filter(|&cluster| cluster < count)
                .ok_or_else(|| SizeError(format!("cluster {cluster} of {count}")))
        };
        if u32::try_from(clusters.len()).is_err() {
            return Err(SizeError(format!(
                "{} points are more than 2³² − 1",
                clusters.len()
            )));
        }
        let mut begins = vec![0; count + 1];
        for &cluster in clusters {
            begins[place(cluster)? + 1] += 1;
        }
        for at in 0..count {
            begins[at + 1] += begins[at];
        }
        let mut next = begins.clone();
        let mut points = vec![0; clusters.len()];
        for (point, &cluster) in clusters.iter().enumerate() {
            let at = &mut next[place(cluster)?];
            points[*at] = point as u32;
            *at += 1;
        }
        Ok(Self { points, begins })
    }

    fn of(&self, cluster: usize) -> &[u32] {
        &self.points[self.begins[cluster]..self.begins[cluster + 1]]
    }

    fn counts(&self) -> Vec<i64> {
        self.begins
            .windows(2)
            .map(|pair| (pair[1] - pair[0]) as i64)
            .collect()
    }
}
