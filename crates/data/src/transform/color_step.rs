//! Steps that change colours and sharpness and leave pixels in their place.

use std::sync::Arc;

use super::blur::{gaussian_blur, kernel_blur};
use super::params::Params;
use super::{color, photo};
use crate::error::Result;
use crate::image::Image;
use crate::rng::Rng;

/// Ranges of the factors of a colour jitter; `None` leaves that property alone.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Jitter {
    pub brightness: Option<(f64, f64)>,
    pub contrast: Option<(f64, f64)>,
    pub saturation: Option<(f64, f64)>,
    pub hue: Option<(f64, f64)>,
}

impl Jitter {
    /// SimCLR's jitter of strength `s`: 0.8s, 0.8s, 0.8s, 0.2s.
    pub fn of_strength(s: f64) -> Self {
        let around = |strength: f64| Some(((1.0 - strength).max(0.0), 1.0 + strength));
        Jitter {
            brightness: around(0.8 * s),
            contrast: around(0.8 * s),
            saturation: around(0.8 * s),
            hue: Some((-0.2 * s, 0.2 * s)),
        }
    }

    /// The four adjustments in random order.
    fn apply(&self, image: &mut Arc<Image>, rng: &mut Rng) {
        let mut order = [0, 1, 2, 3];
        for i in 0..3 {
            order.swap(i, i + rng.below(4 - i));
        }
        let ranges = [self.brightness, self.contrast, self.saturation, self.hue];
        let factors = ranges.map(|range| range.map(|(low, high)| rng.uniform(low, high)));
        for property in order {
            let Some(factor) = factors[property] else { continue };
            match property {
                0 => color::adjust_brightness(Arc::make_mut(image), factor),
                1 => color::adjust_contrast(Arc::make_mut(image), factor),
                2 if image.channels == 3 => color::adjust_saturation(Arc::make_mut(image), factor),
                3 if image.channels == 3 => color::adjust_hue(Arc::make_mut(image), factor),
                _ => {}
            }
        }
    }
}

#[derive(Debug, Clone, PartialEq)]
pub enum Color {
    Jitter(f64, Jitter),
    /// Jitter with probability 0.8, then gray with probability 0.2.
    Distortion(Jitter),
    Grayscale(f64),
    /// Pillow's blur.
    PilBlur {
        p: f64,
        radius: (f64, f64),
    },
    /// torchvision's blur with a kernel of a given size (width, height).
    KernelBlur {
        kernel: (usize, usize),
        sigma: (f64, f64),
    },
    /// Posterize, sharpness, solarize, autocontrast with random strengths.
    Photometric(f64),
    /// Threshold drawn from 0..=256.
    RandomSolarize(f64),
    Solarize(f64, u16),
    Posterize(f64, u32),
    Sharpness(f64, f64),
    Autocontrast(f64),
    Equalize(f64),
    Invert(f64),
}

pub const NAMES: [&str; 15] = [
    "ColorJitter",
    "GaussianBlur",
    "Grayscale",
    "ImgPilColorDistortion",
    "ImgPilGaussianBlur",
    "ImgPilRandomColorJitter",
    "ImgPilRandomPhotometric",
    "ImgPilRandomSolarize",
    "RandomAdjustSharpness",
    "RandomAutocontrast",
    "RandomEqualize",
    "RandomGrayscale",
    "RandomInvert",
    "RandomPosterize",
    "RandomSolarize",
];

impl Color {
    /// Reads the step of one of [`NAMES`].
    pub fn read(name: &str, params: &mut Params<'_>) -> Result<Color> {
        Ok(match name {
            "ColorJitter" => {
                let factor = (0.0, f64::MAX);
                let jitter = Jitter {
                    brightness: params.jitter("brightness", 1.0, factor)?,
                    contrast: params.jitter("contrast", 1.0, factor)?,
                    saturation: params.jitter("saturation", 1.0, factor)?,
                    hue: params.jitter("hue", 0.0, (-0.5, 0.5))?,
                };
                Color::Jitter(1.0, jitter)
            }
            "ImgPilColorDistortion" => Color::Distortion(strength(params)?),
            "ImgPilRandomColorJitter" => {
                let jitter = strength(params)?;
                Color::Jitter(params.probability("p", 0.8)?, jitter)
            }
            "RandomGrayscale" => Color::Grayscale(params.probability("p", 0.1)?),
            "Grayscale" => {
                params.integer("num_output_channels", 1, 3)?;
                Color::Grayscale(1.0)
            }
            "ImgPilGaussianBlur" => {
                let p = params.probability("p", 0.5)?;
                let radius = (
                    params.number("radius_min", 0.1)?,
                    params.number("radius_max", 2.0)?,
                );
                if !(0.0 <= radius.0 && radius.0 <= radius.1 && radius.1 <= 100.0) {
                    return Err(params.error("radius_min and radius_max must rise within 0..100"));
                }
                Color::PilBlur { p, radius }
            }
            "GaussianBlur" => read_kernel_blur(params)?,
            "ImgPilRandomPhotometric" => Color::Photometric(params.probability("p", 0.66)?),
            "ImgPilRandomSolarize" => Color::RandomSolarize(params.probability("p", 0.66)?),
            "RandomSolarize" => {
                let threshold = params.number("threshold", -1.0)?;
                if !(0.0..=256.0).contains(&threshold) {
                    return Err(params.error("threshold must be in 0..256"));
                }
                Color::Solarize(params.probability("p", 0.5)?, threshold.ceil() as u16)
            }
            "RandomPosterize" => {
                let bits = params.integer("bits", 0, 8)?;
                let bits = bits.ok_or_else(|| params.error("bits is missing"))?;
                Color::Posterize(params.probability("p", 0.5)?, bits as u32)
            }
            "RandomAdjustSharpness" => {
                let factor = params.number("sharpness_factor", -1.0)?;
                if factor < 0.0 {
                    return Err(params.error("sharpness_factor must be at least 0"));
                }
                Color::Sharpness(params.probability("p", 0.5)?, factor)
            }
            "RandomAutocontrast" => Color::Autocontrast(params.probability("p", 0.5)?),
            "RandomEqualize" => Color::Equalize(params.probability("p", 0.5)?),
            _ => Color::Invert(params.probability("p", 0.5)?),
        })
    }

    pub fn apply(&self, image: &mut Arc<Image>, rng: &mut Rng) {
        match *self {
            Color::Jitter(p, jitter) => {
                if rng.chance(p) {
                    jitter.apply(image, rng);
                }
            }
            Color::Distortion(jitter) => {
                if rng.chance(0.8) {
                    jitter.apply(image, rng);
                }
                if rng.chance(0.2) {
                    grayscale(image);
                }
            }
            Color::Grayscale(p) => {
                if rng.chance(p) {
                    grayscale(image);
                }
            }
            Color::PilBlur { p, radius } => {
                if rng.chance(p) {
                    gaussian_blur(Arc::make_mut(image), rng.uniform(radius.0, radius.1));
                }
            }
            Color::KernelBlur { kernel, sigma } => {
                kernel_blur(Arc::make_mut(image), kernel, rng.uniform(sigma.0, sigma.1));
            }
            Color::Photometric(p) => {
                if rng.chance(p) {
                    let image = Arc::make_mut(image);
                    photo::posterize(image, 4 + rng.below(5) as u32);
                    photo::adjust_sharpness(image, rng.uniform(0.1, 1.9));
                    color::solarize(image, rng.below(257) as u16);
                    photo::autocontrast(image);
                }
            }
            Color::RandomSolarize(p) => {
                if rng.chance(p) {
                    color::solarize(Arc::make_mut(image), rng.below(257) as u16);
                }
            }
            Color::Solarize(p, threshold) => {
                if rng.chance(p) {
                    color::solarize(Arc::make_mut(image), threshold);
                }
            }
            Color::Posterize(p, bits) => {
                if rng.chance(p) {
                    photo::posterize(Arc::make_mut(image), bits);
                }
            }
            Color::Sharpness(p, factor) => {
                if rng.chance(p) {
                    photo::adjust_sharpness(Arc::make_mut(image), factor);
                }
            }
            Color::Autocontrast(p) => {
                if rng.chance(p) {
                    photo::autocontrast(Arc::make_mut(image));
                }
            }
            Color::Equalize(p) => {
                if rng.chance(p) {
                    photo::equalize(Arc::make_mut(image));
                }
            }
            Color::Invert(p) => {
                if rng.chance(p) {
                    photo::invert(Arc::make_mut(image));
                }
            }
        }
    }
}

fn grayscale(image: &mut Arc<Image>) {
    if image.channels != 1 {
        *image = Arc::new(color::to_gray(image));
    }
}

/// Strength of VISSL's colour jitter. The hue factor is a fifth of it and may be half a turn at most.
fn strength(params: &mut Params<'_>) -> Result<Jitter> {
    let strength = params.number("strength", 1.0)?;
    if (0.0..=2.5).contains(&strength) {
        Ok(Jitter::of_strength(strength))
    } else {
        Err(params.error(format!("strength must be in 0..2.5, not {strength}")))
    }
}

fn read_kernel_blur(params: &mut Params<'_>) -> Result<Color> {
    let sides = match params.numbers("kernel_size") {
        Ok(list) => list.unwrap_or_default(),
        Err(_) => vec![params.number("kernel_size", 0.0)?],
    };
    let odd = |side: &f64| (1.0..=255.0).contains(side) && side % 2.0 == 1.0;
    let kernel = match sides[..] {
        [side] if odd(&side) => (side as usize, side as usize),
        [width, height] if odd(&width) && odd(&height) => (width as usize, height as usize),
        _ => return Err(params.error("kernel_size must be 1 or 2 odd numbers from 1 to 255")),
    };
    let sigma = match params.numbers("sigma") {
        Ok(Some(_)) => params.range("sigma", (0.1, 2.0))?,
        Ok(None) => (0.1, 2.0),
        Err(_) => {
            let sigma = params.number("sigma", 1.0)?;
            (sigma, sigma)
        }
    };
    if sigma.0 <= 0.0 {
        return Err(params.error("sigma must be above 0"));
    }
    Ok(Color::KernelBlur { kernel, sigma })
}
