//! RandAugment (Cubuk et al. 2020) and AutoAugment (Cubuk et al. 2019): operations of a magnitude of 0 to 10.

use std::sync::Arc;

use super::affine::{rotate, transform};
use super::params::{Filter, Params};
use super::policies::{self, Policy};
use super::{color, photo};
use crate::error::Result;
use crate::image::Image;
use crate::rng::Rng;

/// What fills places that a turn or shift uncovers.
const FILL: [u8; 3] = [128; 3];

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Op {
    AutoContrast,
    Equalize,
    Invert,
    Rotate,
    Posterize,
    PosterizeIncreasing,
    PosterizeOriginal,
    Solarize,
    SolarizeIncreasing,
    SolarizeAdd,
    Color,
    ColorIncreasing,
    Contrast,
    ContrastIncreasing,
    Brightness,
    BrightnessIncreasing,
    Sharpness,
    SharpnessIncreasing,
    ShearX,
    ShearY,
    TranslateXRel,
    TranslateYRel,
}

/// RandAugment's operations, and which of them grow with the magnitude when severity increases.
const OPS: [(Op, Op, f64); 15] = [
    (Op::AutoContrast, Op::AutoContrast, 0.025),
    (Op::Equalize, Op::Equalize, 0.005),
    (Op::Invert, Op::Invert, 0.0),
    (Op::Rotate, Op::Rotate, 0.3),
    (Op::Posterize, Op::PosterizeIncreasing, 0.0),
    (Op::Solarize, Op::SolarizeIncreasing, 0.005),
    (Op::SolarizeAdd, Op::SolarizeAdd, 0.005),
    (Op::Color, Op::ColorIncreasing, 0.025),
    (Op::Contrast, Op::ContrastIncreasing, 0.005),
    (Op::Brightness, Op::BrightnessIncreasing, 0.005),
    (Op::Sharpness, Op::SharpnessIncreasing, 0.025),
    (Op::ShearX, Op::ShearX, 0.2),
    (Op::ShearY, Op::ShearY, 0.2),
    (Op::TranslateXRel, Op::TranslateXRel, 0.1),
    (Op::TranslateYRel, Op::TranslateYRel, 0.1),
];

#[derive(Debug, Clone, PartialEq)]
pub enum Augment {
    Rand {
        ops: Vec<(Op, f64)>,
        layers: usize,
        magnitude: f64,
        deviation: f64,
        weighted: bool,
    },
    Auto {
        policy: &'static Policy,
        deviation: f64,
    },
}

pub const NAMES: [&str; 2] = ["RandAugment", "VisslAutoAugment"];

impl Augment {
    /// Reads the step of one of [`NAMES`].
    pub fn read(name: &str, params: &mut Params<'_>) -> Result<Augment> {
        let deviation = params.number("magnitude_std", 0.0)?;
        if !(0.0..=100.0).contains(&deviation) {
            return Err(params.error("magnitude_std must be in 0..100"));
        }
        if name == "VisslAutoAugment" {
            let name = params.text("policy_name")?.unwrap_or("v0");
            let policy = policies::POLICIES.iter().find(|(known, _)| *known == name);
            let (_, policy) = policy.ok_or_else(|| {
                let known: Vec<&str> = policies::POLICIES.iter().map(|(name, _)| *name).collect();
                params.error(format!(
                    "there is no policy {name:?}; known: {}",
                    known.join(", ")
                ))
            })?;
            return Ok(Augment::Auto { policy, deviation });
        }
        let magnitude = params.number("magnitude", 10.0)?;
        if !(0.0..=10.0).contains(&magnitude) {
            return Err(params.error("magnitude must be in 0..10"));
        }
        let weighted = params.integer("weight_choice", 0, 0)?.is_some();
        let increasing = params.flag("increasing_severity", false)?;
        let layers = params.count("num_layers", 2)?;
        if weighted && layers > OPS.iter().filter(|(_, _, weight)| *weight > 0.0).count() {
            return Err(params.error("num_layers is more than the operations that have a weight"));
        }
        let ops = OPS
            .iter()
            .map(|(plain, growing, weight)| (if increasing { *growing } else { *plain }, *weight))
            .collect();
        Ok(Augment::Rand {
            ops,
            layers,
            magnitude,
            deviation,
            weighted,
        })
    }

    pub fn apply(&self, image: &mut Arc<Image>, rng: &mut Rng) {
        match self {
            Augment::Rand {
                ops,
                layers,
                magnitude,
                deviation,
                weighted,
            } => {
                let mut left = ops.clone();
                for _ in 0..*layers {
                    let at = if *weighted {
                        weighted_choice(&left, rng)
                    } else {
                        rng.below(left.len())
                    };
                    let op = if *weighted { left.remove(at).0 } else { left[at].0 };
                    maybe(op, 0.5, *magnitude, *deviation, image, rng);
                }
            }
            Augment::Auto { policy, deviation } => {
                for (op, p, magnitude) in &policy[rng.below(policy.len())] {
                    maybe(*op, *p, *magnitude, *deviation, image, rng);
                }
            }
        }
    }
}

fn weighted_choice(ops: &[(Op, f64)], rng: &mut Rng) -> usize {
    let total: f64 = ops.iter().map(|(_, weight)| weight).sum();
    let mut left = rng.unit() * total;
    for (at, (_, weight)) in ops.iter().enumerate() {
        left -= weight;
        if left < 0.0 {
            return at;
        }
    }
    ops.iter().rposition(|(_, weight)| *weight > 0.0).unwrap_or(0)
}

fn maybe(op: Op, p: f64, magnitude: f64, deviation: f64, image: &mut Arc<Image>, rng: &mut Rng) {
    if !rng.chance(p) {
        return;
    }
    let drawn = if deviation > 0.0 {
        magnitude + deviation * rng.normal()
    } else {
        magnitude
    };
    apply(op, drawn.clamp(0.0, 10.0), image, rng);
}

/// Applies an operation of magnitude `m` (0..10); signs and filters are drawn.
pub fn apply(op: Op, m: f64, image: &mut Arc<Image>, rng: &mut Rng) {
    let level = m / 10.0;
    match op {
        Op::Rotate | Op::ShearX | Op::ShearY | Op::TranslateXRel | Op::TranslateYRel => {
            let sign = if rng.chance(0.5) { -1.0 } else { 1.0 };
            let filter = if rng.chance(0.5) {
                Filter::Bicubic
            } else {
                Filter::Bilinear
            };
            *image = Arc::new(move_pixels(op, sign * level, filter, image));
        }
        _ => {
            let sign = match op {
                Op::ColorIncreasing
                | Op::ContrastIncreasing
                | Op::BrightnessIncreasing
                | Op::SharpnessIncreasing
                    if rng.chance(0.5) =>
                {
                    -1.0
                }
                _ => 1.0,
            };
            change_values(op, level, sign, Arc::make_mut(image));
        }
    }
}

/// The operations that turn, shear or shift, of a signed level (−1..1).
pub fn move_pixels(op: Op, level: f64, filter: Filter, image: &Image) -> Image {
    let shift = 0.45 * level;
    let matrix = match op {
        Op::Rotate => return rotate(image, 30.0 * level, filter, FILL),
        Op::ShearX => [1.0, 0.3 * level, 0.0, 0.0, 1.0, 0.0],
        Op::ShearY => [1.0, 0.0, 0.0, 0.3 * level, 1.0, 0.0],
        Op::TranslateXRel => [1.0, 0.0, shift * image.width as f64, 0.0, 1.0, 0.0],
        _ => [1.0, 0.0, 0.0, 0.0, 1.0, shift * image.height as f64],
    };
    transform(image, &matrix, filter, FILL)
}

/// The operations on values, of a level of 0..1; `sign` decides whether an `Increasing` one weakens.
pub fn change_values(op: Op, level: f64, sign: f64, image: &mut Image) {
    let bits = (level * 4.0) as u32;
    let factor = level * 1.8 + 0.1;
    let growing = 1.0 + sign * level * 0.9;
    match op {
        Op::AutoContrast => photo::autocontrast(image),
        Op::Equalize => photo::equalize(image),
        Op::Invert => photo::invert(image),
        Op::Posterize => photo::posterize(image, bits),
        Op::PosterizeIncreasing => photo::posterize(image, 4 - bits),
        Op::PosterizeOriginal => photo::posterize(image, 4 + bits),
        Op::Solarize => color::solarize(image, (level * 256.0) as u16),
        Op::SolarizeIncreasing => color::solarize(image, 256 - (level * 256.0) as u16),
        Op::SolarizeAdd => photo::solarize_add(image, (level * 110.0) as u16, 128),
        Op::Color => color::adjust_saturation(image, factor),
        Op::ColorIncreasing => color::adjust_saturation(image, growing),
        Op::Contrast => color::adjust_contrast(image, factor),
        Op::ContrastIncreasing => color::adjust_contrast(image, growing),
        Op::Brightness => color::adjust_brightness(image, factor),
        Op::BrightnessIncreasing => color::adjust_brightness(image, growing),
        Op::Sharpness => photo::adjust_sharpness(image, factor),
        Op::SharpnessIncreasing => photo::adjust_sharpness(image, growing),
        _ => {}
    }
}
