use serde::Deserialize;

use super::{Raw, Source};
use crate::decode::DecodeError;
use crate::error::{DataError, Result};
use crate::image::Image;
use crate::rng::{Place, Rng};

const CLASSES: [&str; 10] = [
    "disc", "ring", "square", "frame", "triangle", "cross", "star", "stripes", "checks", "dots",
];

#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ShapesOptions {
    /// Side of the images in pixels, 8 to 1024.
    #[serde(default = "default_size")]
    pub size: usize,
    pub count: usize,
    /// `train` and `test` draw different images.
    #[serde(default)]
    pub split: Option<String>,
    /// Gray instead of coloured images.
    #[serde(default)]
    pub gray: bool,
}

fn default_size() -> usize {
    32
}

/// A drawn image set of ten classes for machines without a network: a shape or a texture with random place, size,
/// angle and colour, on a shaded, noisy ground. Sample i is of class i mod 10 and always the same picture.
pub struct Shapes {
    options: ShapesOptions,
    classes: Vec<String>,
    seed: u64,
}

impl Shapes {
    pub fn new(options: &ShapesOptions) -> Result<Self> {
        if !(8..=1024).contains(&options.size) || options.count == 0 {
            return Err(DataError::usage(format!(
                "shapes: {} images of side {}",
                options.count, options.size
            ))
            .fix("count is at least 1, size from 8 to 1024"));
        }
        let seed = match options.split.as_deref() {
            None | Some("train") => 1,
            Some("test" | "val") => 2,
            Some(other) => {
                return Err(
                    DataError::usage(format!("shapes: there is no split {other:?}")).fix("use train or test")
                );
            }
        };
        Ok(Shapes {
            options: options.clone(),
            classes: CLASSES.map(str::to_owned).to_vec(),
            seed,
        })
    }
}

/// How far (u, v) is inside of a figure of class `class` and radius 1; negative is outside.
fn inside(class: usize, u: f64, v: f64) -> f64 {
    let r = u.hypot(v);
    let square = 0.8 - u.abs().max(v.abs());
    match class {
        0 => 0.9 - r,
        1 => 0.25 - (r - 0.68).abs(),
        2 => square,
        3 => square.min(0.28 - square),
        4 => (0.5 - v).min((v + 0.95) / 2.0 - u.abs() * 0.85),
        5 => (0.28 - u.abs()).max(0.28 - v.abs()).min(square + 0.12),
        6 => 0.62 + 0.3 * (5.0 * v.atan2(u)).cos() - r,
        7 => ((u * 9.0).sin() / 9.0).min(1.0 - r),
        8 => ((u * 8.0).sin() * (v * 8.0).sin() / 6.0).min(square + 0.1),
        _ => (((u * 8.0).cos() + (v * 8.0).cos() - 0.7) / 8.0).min(1.0 - r),
    }
}

impl Source for Shapes {
    fn len(&self) -> usize {
        self.options.count
    }

    fn label(&self, index: usize) -> Option<i64> {
        Some((index % CLASSES.len()) as i64)
    }

    fn classes(&self) -> &[String] {
        &self.classes
    }

    fn name(&self, index: usize) -> String {
        format!("shapes[{index}]")
    }

    fn load(&self, index: usize) -> std::result::Result<Raw, DecodeError> {
        let mut rng = Rng::at(Place {
            seed: self.seed,
            sample: index as u64,
            ..Place::default()
        });
        let class = index % CLASSES.len();
        let size = self.options.size as f64;
        let channels = if self.options.gray { 1 } else { 3 };
        let radius = size * rng.uniform(0.24, 0.42);
        let (x0, y0) = (rng.uniform(0.36, 0.64) * size, rng.uniform(0.36, 0.64) * size);
        let (sin, cos) = rng.uniform(0.0, std::f64::consts::TAU).sin_cos();
        let ground: Vec<f64> = (0..channels).map(|_| rng.uniform(30.0, 225.0)).collect();
        let mut ink: Vec<f64> = (0..channels).map(|_| rng.uniform(0.0, 255.0)).collect();
        // The figure stands out from its ground in the mean over the channels.
        let gap = (ink.iter().sum::<f64>() - ground.iter().sum::<f64>()) / channels as f64;
        if gap.abs() < 60.0 {
            let shift = if ground[0] > 127.0 { -90.0 } else { 90.0 };
            ink.iter_mut()
                .zip(&ground)
                .for_each(|(ink, ground)| *ink = (ground + shift).clamp(0.0, 255.0));
        }
        let (slope_x, slope_y) = (rng.uniform(-50.0, 50.0), rng.uniform(-50.0, 50.0));
        let noise = rng.uniform(4.0, 22.0);
        let mut image = Image::filled(self.options.size, self.options.size, channels, 0);
        for (at, pixel) in image.data.chunks_exact_mut(channels).enumerate() {
            let (x, y) = (
                (at % self.options.size) as f64 + 0.5,
                (at / self.options.size) as f64 + 0.5,
            );
            let (dx, dy) = ((x - x0) / radius, (y - y0) / radius);
            let cover =
                (inside(class, cos * dx + sin * dy, cos * dy - sin * dx) * radius + 0.5).clamp(0.0, 1.0);
            let shade = slope_x * (x / size - 0.5) + slope_y * (y / size - 0.5);
            let grain = noise * (f64::from(rng.next_u32()) / f64::from(u32::MAX) - 0.5);
            for (value, (ink, ground)) in pixel.iter_mut().zip(ink.iter().zip(&ground)) {
                *value = (cover * ink + (1.0 - cover) * (ground + shade) + grain).clamp(0.0, 255.0) as u8;
            }
        }
        Ok(Raw::Decoded(image))
    }
}
