//! What travels through the transforms: the entries of one sample, their labels, and where they came from.

use std::sync::Arc;

use crate::image::Image;

/// What every 8-bit value becomes in the tensor, one table a channel.
pub type Tables = Vec<[f32; 256]>;

/// A part of a tensor that was replaced by one value a channel, or by a value an element (channel by channel).
#[derive(Debug, Clone, PartialEq)]
pub struct Erased {
    pub left: usize,
    pub top: usize,
    pub width: usize,
    pub height: usize,
    pub values: Vec<f32>,
}

/// Tensors that are still 8-bit images: a value is looked up in the tables when it is written into a batch.
#[derive(Debug, Clone)]
pub struct Pixels {
    /// One image, or patches of equal size.
    pub images: Vec<Arc<Image>>,
    /// Whether the tensor has an axis for `images`: T×C×H×W rather than C×H×W.
    pub stacked: bool,
    pub tables: Arc<Tables>,
    pub erased: Vec<Erased>,
}

impl Pixels {
    pub fn channels(&self) -> usize {
        self.tables.len()
    }

    /// C×H×W, or T×C×H×W of a stack.
    pub fn shape(&self) -> Vec<usize> {
        let first = &self.images[0];
        let mut shape = vec![self.channels(), first.height, first.width];
        if self.stacked {
            shape.insert(0, self.images.len());
        }
        shape
    }

    /// Writes the tensor, each image channel by channel, or pixel by pixel when `channels_last`.
    pub fn write(&self, target: &mut [f32], channels_last: bool) {
        let elements = target.len() / self.images.len().max(1);
        for (image, target) in self.images.iter().zip(target.chunks_exact_mut(elements.max(1))) {
            write_image(image, &self.tables, target, channels_last);
            for part in &self.erased {
                self.erase(part, image, target, channels_last);
            }
        }
    }

    fn erase(&self, part: &Erased, image: &Image, target: &mut [f32], channels_last: bool) {
        let (channels, area) = (self.channels(), part.width * part.height);
        for c in 0..channels {
            for y in 0..part.height {
                for x in 0..part.width {
                    let value = match part.values.len() {
                        n if n == channels * area => part.values[(c * part.height + y) * part.width + x],
                        n => part.values[c.min(n - 1)],
                    };
                    let (px, py) = (part.left + x, part.top + y);
                    let at = if channels_last {
                        (py * image.width + px) * channels + c
                    } else {
                        (c * image.height + py) * image.width + px
                    };
                    target[at] = value;
                }
            }
        }
    }
}

/// Looks up every value of an image; a gray image feeds every channel.
fn write_image(image: &Image, tables: &Tables, target: &mut [f32], channels_last: bool) {
    let channels = tables.len();
    let pixels = image.width * image.height;
    let lane = |c: usize| if image.channels == 1 { 0 } else { c };
    if channels_last && channels > 1 {
        let source = image.data.chunks_exact(image.channels);
        for (pixel, values) in target.chunks_exact_mut(channels).zip(source) {
            for (c, (out, table)) in pixel.iter_mut().zip(tables).enumerate() {
                *out = table[usize::from(values[lane(c)])];
            }
        }
        return;
    }
    for ((c, table), plane) in tables
        .iter()
        .enumerate()
        .zip(target.chunks_exact_mut(pixels.max(1)))
    {
        match image.channels {
            1 => {
                for (out, value) in plane.iter_mut().zip(&image.data) {
                    *out = table[usize::from(*value)];
                }
            }
            _ => {
                for (out, values) in plane.iter_mut().zip(image.data.chunks_exact(3)) {
                    *out = table[usize::from(values[c])];
                }
            }
        }
    }
}

/// A tensor of floats, row-major.
#[derive(Debug, Clone, PartialEq)]
pub struct Floats {
    pub shape: Vec<usize>,
    pub values: Vec<f32>,
}

/// One element of a sample's `data` list.
#[derive(Debug, Clone)]
pub enum Entry {
    /// A picture, before a step made a tensor of it.
    Picture(Arc<Image>),
    Pixels(Pixels),
    Floats(Floats),
}

impl Entry {
    /// The shape of the tensor; `None` of a picture.
    pub fn shape(&self) -> Option<Vec<usize>> {
        match self {
            Entry::Picture(_) => None,
            Entry::Pixels(pixels) => Some(pixels.shape()),
            Entry::Floats(floats) => Some(floats.shape.clone()),
        }
    }

    /// Writes the tensor. `target` has as many elements as the shape says.
    pub fn write(&self, target: &mut [f32], channels_last: bool) {
        match self {
            Entry::Picture(_) => {}
            Entry::Pixels(pixels) => pixels.write(target, channels_last),
            Entry::Floats(floats) if channels_last && floats.shape.len() >= 3 => {
                let [channels, height, width] = floats.shape[floats.shape.len() - 3..] else {
                    return;
                };
                let plane = height * width;
                let size = (channels * plane).max(1);
                let images = floats.values.chunks_exact(size);
                for (out, image) in target.chunks_exact_mut(size).zip(images) {
                    for (i, value) in image.iter().enumerate() {
                        out[i % plane * channels + i / plane] = *value;
                    }
                }
            }
            Entry::Floats(floats) => target.copy_from_slice(&floats.values),
        }
    }
}

/// One element of a sample's `label` list.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Label {
    Id(i64),
    /// One value a class, or any vector that a batch stacks.
    Vector(Vec<i64>),
    /// Classes that are present and classes that are known to be absent.
    Pair(Vec<i64>, Vec<i64>),
}

/// A sample on its way: the keys of the reference's data set item.
#[derive(Debug, Clone, Default)]
pub struct Sample {
    pub data: Vec<Entry>,
    pub label: Vec<Label>,
    /// 1, or −1 where another image stands in for one that could not be decoded.
    pub data_valid: Vec<i64>,
    pub data_idx: Vec<i64>,
}
