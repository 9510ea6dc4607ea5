//! The kernels of k-means beside plain restatements, over many sizes.

use vissl_kernels::{Metric, cluster_sums, nearest_centroids};

/// Numbers from −1 to 1 of a small generator (Steele et al. 2014, SplitMix64).
struct Numbers(u64);

impl Numbers {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }

    fn below(&mut self, end: usize) -> usize {
        (self.next() % end as u64) as usize
    }

    fn rows(&mut self, rows: usize, dims: usize) -> Vec<f32> {
        (0..rows * dims)
            .map(|_| (self.next() >> 40) as f32 / (1 << 23) as f32 - 1.0)
            .collect()
    }
}

/// Scores of a point with all centroids in float64.
fn scores(point: &[f32], centroids: &[f32], metric: Metric) -> Vec<f64> {
    let dot = |a: &[f32], b: &[f32]| {
        a.iter()
            .zip(b)
            .map(|(&a, &b)| f64::from(a) * f64::from(b))
            .sum::<f64>()
    };
    centroids
        .chunks(point.len())
        .map(|centroid| {
            let offset = if metric == Metric::Cosine {
                0.0
            } else {
                dot(centroid, centroid) / 2.0
            };
            dot(point, centroid) - offset
        })
        .collect()
}

#[test]
fn nearest_is_the_restatement_s_up_to_rounding() {
    let mut numbers = Numbers(1);
    for _ in 0..60 {
        let (count, clusters, dims) = (numbers.below(300), 1 + numbers.below(100), 1 + numbers.below(40));
        let (points, centroids) = (numbers.rows(count, dims), numbers.rows(clusters, dims));
        for metric in [Metric::Euclidean, Metric::Cosine] {
            let found = nearest_centroids(&points, &centroids, dims, metric, 2).unwrap();
            assert_eq!(found.clusters.len(), count);
            let mut sum = 0.0;
            for (point, &cluster) in points.chunks(dims).zip(&found.clusters) {
                let scores = scores(point, &centroids, metric);
                let largest = scores.iter().copied().fold(f64::NEG_INFINITY, f64::max);
                assert!(
                    scores[cluster as usize] >= largest - 1e-5,
                    "{count} {clusters} {dims}"
                );
                sum += largest;
            }
            assert!((found.score - sum).abs() <= 1e-5 * count as f64);
        }
    }
}

#[test]
fn of_equally_near_centroids_the_first_counts() {
    let mut numbers = Numbers(2);
    for clusters in [1, 2, 15, 33, 70, 200] {
        let points = numbers.rows(150, 3);
        let few = numbers.rows(clusters, 3);
        let twice = [few.as_slice(), &few].concat();
        for metric in [Metric::Euclidean, Metric::Cosine] {
            let once = nearest_centroids(&points, &few, 3, metric, 1).unwrap();
            assert_eq!(nearest_centroids(&points, &twice, 3, metric, 1).unwrap(), once);
        }
    }
}

#[test]
fn sums_are_the_restatement_s() {
    let mut numbers = Numbers(3);
    for _ in 0..40 {
        let (count, clusters, dims) = (numbers.below(300), 1 + numbers.below(60), 1 + numbers.below(20));
        let points = numbers.rows(count, dims);
        let of: Vec<i64> = (0..count).map(|_| numbers.below(clusters) as i64).collect();
        let found = cluster_sums(&points, &of, clusters, dims, 3).unwrap();
        let mut sums = vec![0.0; clusters * dims];
        let mut counts = vec![0; clusters];
        for (point, &cluster) in points.chunks(dims).zip(&of) {
            counts[cluster as usize] += 1;
            for (at, &value) in point.iter().enumerate() {
                sums[cluster as usize * dims + at] += f64::from(value);
            }
        }
        assert_eq!((found.sums, found.counts), (sums, counts));
    }
}

#[test]
fn the_number_of_threads_changes_nothing() {
    let mut numbers = Numbers(4);
    let (points, centroids) = (numbers.rows(5_000, 17), numbers.rows(50, 17));
    let nearest = |threads| nearest_centroids(&points, &centroids, 17, Metric::Euclidean, threads).unwrap();
    let one = nearest(1);
    let sums = |threads| cluster_sums(&points, &one.clusters, 50, 17, threads).unwrap();
    for threads in [0, 2, 3, 16] {
        assert_eq!(nearest(threads), one);
        assert_eq!(sums(threads), sums(1));
    }
}

#[test]
fn what_is_no_number_is_cluster_0_and_stays_by_itself() {
    let mut numbers = Numbers(5);
    let (mut points, centroids) = (numbers.rows(100, 4), numbers.rows(20, 4));
    let before = nearest_centroids(&points, &centroids, 4, Metric::Cosine, 1).unwrap();
    points[4 * 7] = f32::NAN;
    let after = nearest_centroids(&points, &centroids, 4, Metric::Cosine, 1).unwrap();
    assert_eq!(after.clusters[7], 0);
    for (at, (a, b)) in before.clusters.iter().zip(&after.clusters).enumerate() {
        assert!(at == 7 || a == b);
    }
}

#[test]
fn sizes_that_do_not_fit_are_refused() {
    let nearest = |points: &[f32], centroids: &[f32], dims| {
        nearest_centroids(points, centroids, dims, Metric::Cosine, 1).map(|found| found.clusters)
    };
    assert_eq!(nearest(&[], &[1.0], 1), Ok(vec![]));
    assert!(nearest(&[1.0; 6], &[1.0; 6], 0).is_err());
    assert!(nearest(&[1.0; 6], &[1.0; 6], 4).is_err());
    assert!(nearest(&[1.0; 6], &[1.0; 5], 3).is_err());
    assert!(nearest(&[1.0; 6], &[], 3).is_err());
    assert!(cluster_sums(&[1.0; 6], &[0, 2], 2, 3, 1).is_err());
    assert!(cluster_sums(&[1.0; 6], &[0, -1], 2, 3, 1).is_err());
    assert!(cluster_sums(&[1.0; 6], &[0], 2, 3, 1).is_err());
    assert!(cluster_sums(&[1.0; 6], &[0, 0], 0, 3, 1).is_err());
}
