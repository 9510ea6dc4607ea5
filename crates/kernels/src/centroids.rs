use crate::nearest::Metric;

/// Centroids in panels of `width`: value by value, the values of `width` centroids side by side. The last panel is
/// filled with centroids whose score is −∞.
pub(crate) struct Panels {
    pub width: usize,
    pub dims: usize,
    values: Vec<f32>,
    /// What is added to the product of a point and a centroid.
    offsets: Vec<f32>,
}

impl Panels {
    pub fn new(centroids: &[f32], dims: usize, width: usize, metric: Metric) -> Self {
        let clusters = centroids.len() / dims;
        let panels = clusters.div_ceil(width);
        let mut values = vec![0.0; panels * width * dims];
        let mut offsets = vec![f32::NEG_INFINITY; panels * width];
        for (at, centroid) in centroids.chunks_exact(dims).enumerate() {
            let panel = &mut values[at / width * width * dims..][..width * dims];
            for (row, value) in panel.chunks_exact_mut(width).zip(centroid) {
                row[at % width] = *value;
            }
            offsets[at] = match metric {
                Metric::Cosine => 0.0,
                Metric::Euclidean => (-0.5 * square(centroid)) as f32,
            };
        }
        Self {
            width,
            dims,
            values,
            offsets,
        }
    }

    /// The values and the offsets of each panel.
    pub fn iter(&self) -> impl Iterator<Item = (&[f32], &[f32])> {
        self.values
            .chunks_exact(self.width * self.dims)
            .zip(self.offsets.chunks_exact(self.width))
    }
}

fn square(values: &[f32]) -> f64 {
    values.iter().map(|&value| f64::from(value).powi(2)).sum()
}
