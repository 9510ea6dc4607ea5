use std::borrow::Cow;

use super::blur::gaussian_blur;
use super::color;
use super::params::Size;
use super::resample::{Region, resize, shorter_side_to};
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
}

/// One image-to-image transform with its parameters.
#[derive(Debug, Clone, PartialEq)]
pub enum Step {
    RandomResizedCrop {
        height: usize,
        width: usize,
        scale: (f64, f64),
        ratio: (f64, f64),
    },
    RandomHorizontalFlip {
        p: f64,
    },
    ColorJitter {
        p: f64,
        jitter: Jitter,
    },
    ColorDistortion {
        jitter: Jitter,
    },
    RandomGrayscale {
        p: f64,
    },
    GaussianBlur {
        p: f64,
        radius: (f64, f64),
    },
    RandomSolarize {
        p: f64,
    },
    Resize(Size),
    CenterCrop {
        height: usize,
        width: usize,
    },
    RandomCrop {
        height: usize,
        width: usize,
        padding: [usize; 4],
        pad_if_needed: bool,
        fill: u8,
    },
}

impl Step {
    /// Height and width of what comes out, when that is known, of an image of size `input`.
    pub fn output_size(&self, input: Option<(usize, usize)>) -> Option<(usize, usize)> {
        match *self {
            Step::RandomResizedCrop { height, width, .. }
            | Step::CenterCrop { height, width }
            | Step::RandomCrop { height, width, .. }
            | Step::Resize(Size::Exact { height, width }) => Some((height, width)),
            Step::Resize(Size::Side(side)) => input.map(|(height, width)| {
                let (width, height) = shorter_side_to(side, width, height);
                (height, width)
            }),
            _ => input,
        }
    }

    /// Applies the step. `rng` is the stream of this sample, view and step.
    ///
    /// # Errors
    /// A random crop is larger than the image: the text says so.
    pub fn apply(&self, image: &mut Cow<'_, Image>, rng: &mut Rng) -> Result<(), String> {
        match *self {
            Step::RandomResizedCrop {
                height,
                width,
                scale,
                ratio,
            } => {
                let region = random_region(image.width, image.height, scale, ratio, rng);
                *image = Cow::Owned(resize(image, region, width, height));
            }
            Step::RandomHorizontalFlip { p } => {
                if rng.chance(p) {
                    image.to_mut().flip_horizontal();
                }
            }
            Step::ColorJitter { p, jitter } => {
                if rng.chance(p) {
                    color_jitter(image, jitter, rng);
                }
            }
            Step::ColorDistortion { jitter } => {
                if rng.chance(0.8) {
                    color_jitter(image, jitter, rng);
                }
                if rng.chance(0.2) {
                    grayscale(image);
                }
            }
            Step::RandomGrayscale { p } => {
                if rng.chance(p) {
                    grayscale(image);
                }
            }
            Step::GaussianBlur { p, radius } => {
                if rng.chance(p) {
                    gaussian_blur(image.to_mut(), rng.uniform(radius.0, radius.1));
                }
            }
            Step::RandomSolarize { p } => {
                if rng.chance(p) {
                    color::solarize(image.to_mut(), rng.below(257) as u16);
                }
            }
            Step::Resize(size) => {
                let (width, height) = match size {
                    Size::Side(side) => shorter_side_to(side, image.width, image.height),
                    Size::Exact { height, width } => (width, height),
                };
                if (width, height) != (image.width, image.height) {
                    *image = Cow::Owned(resize(image, Region::whole(image), width, height));
                }
            }
            Step::CenterCrop { height, width } => {
                if (width, height) != (image.width, image.height) {
                    let (left, top) = (centred(image.width, width), centred(image.height, height));
                    *image = Cow::Owned(image.crop(left, top, width, height));
                }
            }
            Step::RandomCrop {
                height,
                width,
                padding,
                pad_if_needed,
                fill,
            } => {
                pad(image, padding, fill);
                if pad_if_needed {
                    let (x, y) = (
                        width.saturating_sub(image.width),
                        height.saturating_sub(image.height),
                    );
                    pad(image, [x, y, x, y], fill);
                }
                if image.width < width || image.height < height {
                    return Err(format!(
                        "RandomCrop of {width}x{height} is larger than the image of {}x{}",
                        image.width, image.height
                    ));
                }
                let top = rng.below(image.height - height + 1) as isize;
                let left = rng.below(image.width - width + 1) as isize;
                *image = Cow::Owned(image.crop(left, top, width, height));
            }
        }
        Ok(())
    }
}

fn grayscale(image: &mut Cow<'_, Image>) {
    if image.channels != 1 {
        *image = Cow::Owned(color::to_gray(image));
    }
}

/// The four adjustments in random order.
fn color_jitter(image: &mut Cow<'_, Image>, jitter: Jitter, rng: &mut Rng) {
    let mut order = [0, 1, 2, 3];
    for i in 0..3 {
        order.swap(i, i + rng.below(4 - i));
    }
    let ranges = [jitter.brightness, jitter.contrast, jitter.saturation, jitter.hue];
    let factors = ranges.map(|range| range.map(|(low, high)| rng.uniform(low, high)));
    for property in order {
        let Some(factor) = factors[property] else { continue };
        match property {
            0 => color::adjust_brightness(image.to_mut(), factor),
            1 => color::adjust_contrast(image.to_mut(), factor),
            2 if image.channels == 3 => color::adjust_saturation(image.to_mut(), factor),
            3 if image.channels == 3 => color::adjust_hue(image.to_mut(), factor),
            _ => {}
        }
    }
}

/// A region of `scale` of the area and an aspect ratio within `ratio`; after ten failures the central region with
/// the nearest allowed ratio.
pub fn random_region(
    width: usize,
    height: usize,
    scale: (f64, f64),
    ratio: (f64, f64),
    rng: &mut Rng,
) -> Region {
    let area = (width * height) as f64;
    let (low, high) = (ratio.0.ln(), ratio.1.ln());
    for _ in 0..10 {
        let target = area * rng.uniform(scale.0, scale.1);
        let aspect = rng.uniform(low, high).exp();
        let w = (target * aspect).sqrt().round_ties_even() as usize;
        let h = (target / aspect).sqrt().round_ties_even() as usize;
        if (1..=width).contains(&w) && (1..=height).contains(&h) {
            let top = rng.below(height - h + 1);
            let left = rng.below(width - w + 1);
            return Region {
                left,
                top,
                width: w,
                height: h,
            };
        }
    }
    let aspect = width as f64 / height as f64;
    let (w, h) = if aspect < ratio.0 {
        (width, (width as f64 / ratio.0).round_ties_even() as usize)
    } else if aspect > ratio.1 {
        ((height as f64 * ratio.1).round_ties_even() as usize, height)
    } else {
        (width, height)
    };
    let (w, h) = (w.clamp(1, width), h.clamp(1, height));
    Region {
        left: (width - w) / 2,
        top: (height - h) / 2,
        width: w,
        height: h,
    }
}

/// Offset of a centred crop; negative when the crop is the larger one and is padded.
fn centred(size: usize, crop: usize) -> isize {
    if crop > size {
        -(((crop - size) / 2) as isize)
    } else {
        ((size - crop) as f64 / 2.0).round_ties_even() as isize
    }
}

/// Adds a border of left, top, right, bottom pixels of one value.
fn pad(image: &mut Cow<'_, Image>, [left, top, right, bottom]: [usize; 4], fill: u8) {
    if left + top + right + bottom == 0 {
        return;
    }
    let (width, height) = (image.width + left + right, image.height + top + bottom);
    let mut out = Image::filled(width, height, image.channels, fill);
    let (from, to, start) = (image.row_bytes(), out.row_bytes(), left * image.channels);
    for y in 0..image.height {
        let at = (y + top) * to + start;
        out.data[at..at + from].copy_from_slice(&image.data[y * from..(y + 1) * from]);
    }
    *image = Cow::Owned(out);
}
