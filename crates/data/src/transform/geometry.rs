//! Steps that move pixels: crops, flips, resizing, turning, padding.

use std::sync::Arc;

use super::affine::{affine_matrix, rotate, transform};
use super::params::{Filter, PaddingMode, Params, Size};
use super::region::random_region;
use super::resample::{Region, longer_side_to, resize, shorter_side_to};
use crate::error::Result;
use crate::image::Image;
use crate::rng::Rng;

/// What a `RandomResizedCrop` draws from and makes.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct ResizedCrop {
    pub height: usize,
    pub width: usize,
    pub scale: (f64, f64),
    pub ratio: (f64, f64),
    pub filter: Filter,
}

impl ResizedCrop {
    pub fn square(side: usize, scale: (f64, f64)) -> Self {
        ResizedCrop {
            height: side,
            width: side,
            scale,
            ratio: (3.0 / 4.0, 4.0 / 3.0),
            filter: Filter::Bilinear,
        }
    }

    pub fn apply(&self, image: &Image, rng: &mut Rng) -> Image {
        let region = random_region(image.width, image.height, self.scale, self.ratio, rng);
        resize(image, region, self.width, self.height, self.filter)
    }
}

#[derive(Debug, Clone, PartialEq)]
pub enum Geometry {
    RandomResizedCrop(ResizedCrop),
    Resize(Size, Option<usize>, Filter),
    LargerSide(usize),
    CenterCrop {
        height: usize,
        width: usize,
    },
    RandomCrop {
        height: usize,
        width: usize,
        padding: Padding,
        pad_if_needed: bool,
    },
    Pad(Padding),
    HorizontalFlip(f64),
    VerticalFlip(f64),
    Rotation {
        degrees: (f64, f64),
        filter: Filter,
        fill: [u8; 3],
    },
    Affine {
        degrees: (f64, f64),
        translate: Option<(f64, f64)>,
        scale: Option<(f64, f64)>,
        shear: Option<((f64, f64), (f64, f64))>,
        filter: Filter,
        fill: [u8; 3],
    },
    /// A gray image pasted onto a black RGB canvas.
    OnCanvas {
        width: usize,
        height: usize,
        left: isize,
        top: isize,
    },
}

/// A border of left, top, right, bottom pixels.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Padding {
    pub sides: [usize; 4],
    pub fill: [u8; 3],
    pub mode: PaddingMode,
}

pub const NAMES: [&str; 11] = [
    "CenterCrop",
    "ImgPilResizeLargerSide",
    "MNISTImgPil2RGB",
    "Pad",
    "RandomAffine",
    "RandomCrop",
    "RandomHorizontalFlip",
    "RandomResizedCrop",
    "RandomRotation",
    "RandomVerticalFlip",
    "Resize",
];

impl Geometry {
    /// Reads the step of one of [`NAMES`].
    pub fn read(name: &str, params: &mut Params<'_>) -> Result<Geometry> {
        Ok(match name {
            "RandomResizedCrop" => {
                let (height, width) = params.size()?.square();
                let crop = ResizedCrop {
                    height,
                    width,
                    scale: params.range("scale", (0.08, 1.0))?,
                    ratio: params.range("ratio", (3.0 / 4.0, 4.0 / 3.0))?,
                    filter: params.filter("interpolation", Filter::Bilinear)?,
                };
                params.ignore("antialias");
                Geometry::RandomResizedCrop(crop)
            }
            "Resize" => {
                let size = params.size()?;
                let limit = params.integer("max_size", 1, 16_384)?.map(|side| side as usize);
                let filter = params.filter("interpolation", Filter::Bilinear)?;
                params.ignore("antialias");
                match (size, limit) {
                    (Size::Side(side), Some(limit)) if limit > side => {}
                    (_, None) => {}
                    _ => return Err(params.error("max_size goes with one side that is smaller")),
                }
                Geometry::Resize(size, limit, filter)
            }
            "ImgPilResizeLargerSide" => {
                Geometry::LargerSide(params.integer("size", 1, 16_384)?.unwrap_or(1024) as usize)
            }
            "CenterCrop" => {
                let (height, width) = params.size()?.square();
                Geometry::CenterCrop { height, width }
            }
            "RandomCrop" => {
                let (height, width) = params.size()?.square();
                let pad_if_needed = params.flag("pad_if_needed", false)?;
                Geometry::RandomCrop {
                    height,
                    width,
                    padding: Padding::read(params, 0)?,
                    pad_if_needed,
                }
            }
            "Pad" => Geometry::Pad(Padding::read(params, 0)?),
            "RandomHorizontalFlip" => Geometry::HorizontalFlip(params.probability("p", 0.5)?),
            "RandomVerticalFlip" => Geometry::VerticalFlip(params.probability("p", 0.5)?),
            "RandomRotation" => {
                let degrees = params.degrees("degrees")?;
                Geometry::Rotation {
                    degrees: degrees.ok_or_else(|| params.error("degrees is missing"))?,
                    filter: params.filter("interpolation", Filter::Nearest)?,
                    fill: params.fill([0; 3])?,
                }
            }
            "RandomAffine" => read_affine(params)?,
            _ => {
                let pair = |numbers: Option<Vec<f64>>| match numbers.as_deref() {
                    Some([x, y]) => Some((*x, *y)),
                    _ => None,
                };
                let size = pair(params.numbers("size")?).filter(|(w, h)| {
                    [w, h]
                        .iter()
                        .all(|side| (1.0..=16_384.0).contains(*side) && side.fract() == 0.0)
                });
                let (width, height) = size.ok_or_else(|| params.error("size must be [width, height]"))?;
                let (left, top) = pair(params.numbers("box")?).unwrap_or((0.0, 0.0));
                Geometry::OnCanvas {
                    width: width as usize,
                    height: height as usize,
                    left: left.clamp(-16_384.0, 16_384.0) as isize,
                    top: top.clamp(-16_384.0, 16_384.0) as isize,
                }
            }
        })
    }

    /// # Errors
    /// A random crop is larger than the image, or a reflection is longer than it: the text says so.
    pub fn apply(&self, image: &mut Arc<Image>, rng: &mut Rng) -> std::result::Result<(), String> {
        match self {
            Geometry::RandomResizedCrop(crop) => *image = Arc::new(crop.apply(image, rng)),
            Geometry::Resize(size, limit, filter) => {
                let (width, height) = match *size {
                    Size::Side(side) => {
                        let fitted = shorter_side_to(side, image.width, image.height);
                        match limit {
                            Some(limit) if fitted.0.max(fitted.1) > *limit => longer_side_cut(*limit, fitted),
                            _ => fitted,
                        }
                    }
                    Size::Exact { height, width } => (width, height),
                };
                resize_to(image, width, height, *filter)?;
            }
            Geometry::LargerSide(side) => {
                let (width, height) = longer_side_to(*side, image.width, image.height);
                resize_to(image, width, height, Filter::Bilinear)?;
            }
            Geometry::CenterCrop { height, width } => {
                if (*width, *height) != (image.width, image.height) {
                    let (left, top) = (centred(image.width, *width), centred(image.height, *height));
                    *image = Arc::new(image.crop(left, top, *width, *height));
                }
            }
            Geometry::RandomCrop {
                height,
                width,
                padding,
                pad_if_needed,
            } => {
                padding.apply(image)?;
                if *pad_if_needed {
                    let x = width.saturating_sub(image.width);
                    let y = height.saturating_sub(image.height);
                    Padding {
                        sides: [x, y, x, y],
                        ..*padding
                    }
                    .apply(image)?;
                }
                if image.width < *width || image.height < *height {
                    return Err(format!(
                        "RandomCrop of {width}x{height} is larger than the image of {}x{}",
                        image.width, image.height
                    ));
                }
                let top = rng.below(image.height - height + 1) as isize;
                let left = rng.below(image.width - width + 1) as isize;
                *image = Arc::new(image.crop(left, top, *width, *height));
            }
            Geometry::Pad(padding) => padding.apply(image)?,
            Geometry::HorizontalFlip(p) => {
                if rng.chance(*p) {
                    Arc::make_mut(image).flip_horizontal();
                }
            }
            Geometry::VerticalFlip(p) => {
                if rng.chance(*p) {
                    Arc::make_mut(image).flip_vertical();
                }
            }
            Geometry::Rotation {
                degrees,
                filter,
                fill,
            } => {
                let angle = rng.uniform(degrees.0, degrees.1);
                *image = Arc::new(rotate(image, angle, *filter, *fill));
            }
            Geometry::Affine {
                degrees,
                translate,
                scale,
                shear,
                filter,
                fill,
            } => {
                let angle = rng.uniform(degrees.0, degrees.1);
                let (w, h) = (image.width as f64, image.height as f64);
                let shift = translate.map_or((0.0, 0.0), |(x, y)| {
                    let mut draw = |most: f64| rng.uniform(-most, most).round_ties_even();
                    (draw(x * w), draw(y * h))
                });
                let scale = scale.map_or(1.0, |(low, high)| rng.uniform(low, high));
                let shear = shear.map_or((0.0, 0.0), |(x, y)| {
                    (rng.uniform(x.0, x.1), rng.uniform(y.0, y.1))
                });
                let matrix = affine_matrix((image.width, image.height), angle, shift, scale, shear);
                *image = Arc::new(transform(image, &matrix, *filter, *fill));
            }
            Geometry::OnCanvas {
                width,
                height,
                left,
                top,
            } => *image = Arc::new(image.crop(-left, -top, *width, *height)),
        }
        Ok(())
    }
}

fn read_affine(params: &mut Params<'_>) -> Result<Geometry> {
    let degrees = params
        .degrees("degrees")?
        .ok_or_else(|| params.error("degrees is missing"))?;
    let translate = match params.numbers("translate")?.as_deref() {
        None => None,
        Some([x, y]) if [x, y].iter().all(|part| (0.0..=1.0).contains(*part)) => Some((*x, *y)),
        Some(_) => return Err(params.error("translate must be two parts in 0..1")),
    };
    let scale = match params.range("scale", (0.0, 0.0))? {
        (0.0, 0.0) => None,
        range => Some(range),
    };
    let shear = match params.numbers("shear") {
        Ok(None) => None,
        Ok(Some(list)) => match list[..] {
            [low, high] => Some(((low, high), (0.0, 0.0))),
            [a, b, c, d] => Some(((a, b), (c, d))),
            _ => return Err(params.error("shear must be 1, 2 or 4 numbers")),
        },
        Err(_) => params.degrees("shear")?.map(|x| (x, (0.0, 0.0))),
    };
    params.ignore("center");
    Ok(Geometry::Affine {
        degrees,
        translate,
        scale,
        shear,
        filter: params.filter("interpolation", Filter::Nearest)?,
        fill: params.fill([0; 3])?,
    })
}

/// More pixels come of no resizing; a strip scaled by its shorter side could ask for terabytes.
const MAX_PIXELS: usize = 1 << 28;

fn resize_to(
    image: &mut Arc<Image>,
    width: usize,
    height: usize,
    filter: Filter,
) -> std::result::Result<(), String> {
    if width.saturating_mul(height) > MAX_PIXELS {
        return Err(format!(
            "Resize would make {width}x{height} pixels of an image of {}x{}",
            image.width, image.height
        ));
    }
    if (width, height) != (image.width, image.height) {
        *image = Arc::new(resize(image, Region::whole(image), width, height, filter));
    }
    Ok(())
}

/// Width and height when the longer of them is cut to `limit` and the other follows.
fn longer_side_cut(limit: usize, (width, height): (usize, usize)) -> (usize, usize) {
    let follow = |short: usize, long: usize| (limit * short / long).max(1);
    if width >= height {
        (limit, follow(height, width))
    } else {
        (follow(width, height), limit)
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

impl Padding {
    fn read(params: &mut Params<'_>, default: usize) -> Result<Padding> {
        Ok(Padding {
            sides: params.padding(default)?,
            fill: params.fill([0; 3])?,
            mode: params.padding_mode()?,
        })
    }

    fn apply(&self, image: &mut Arc<Image>) -> std::result::Result<(), String> {
        let [left, top, right, bottom] = self.sides;
        if left + top + right + bottom == 0 {
            return Ok(());
        }
        let (w, h, channels) = (image.width, image.height, image.channels);
        let within = match self.mode {
            PaddingMode::Reflect => left.max(right) < w && top.max(bottom) < h,
            PaddingMode::Symmetric => left.max(right) <= w && top.max(bottom) <= h,
            _ => true,
        };
        if !within {
            return Err(format!(
                "a mirrored border of {:?} is wider than the image of {w}x{h}",
                self.sides
            ));
        }
        let (width, height) = (w + left + right, h + top + bottom);
        let source = |at: usize, before: usize, size: usize| -> Option<usize> {
            let (at, size) = (at as isize - before as isize, size as isize);
            let inside = match self.mode {
                _ if (0..size).contains(&at) => at,
                PaddingMode::Constant => return None,
                PaddingMode::Edge => at.clamp(0, size - 1),
                PaddingMode::Reflect if at < 0 => -at,
                PaddingMode::Reflect => 2 * size - 2 - at,
                PaddingMode::Symmetric if at < 0 => -at - 1,
                PaddingMode::Symmetric => 2 * size - 1 - at,
            };
            Some(inside as usize)
        };
        let mut data = Vec::with_capacity(width * height * channels);
        for y in 0..height {
            for x in 0..width {
                match source(x, left, w).zip(source(y, top, h)) {
                    Some((x, y)) => {
                        let at = (y * w + x) * channels;
                        data.extend_from_slice(&image.data[at..at + channels]);
                    }
                    None => data.extend_from_slice(&self.fill[..channels]),
                }
            }
        }
        *image = Arc::new(Image {
            width,
            height,
            channels,
            data,
        });
        Ok(())
    }
}
