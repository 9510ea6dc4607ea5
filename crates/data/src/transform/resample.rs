use super::params::Filter;
use crate::image::Image;
use crate::simd::{Kernel, simd};

/// Fraction bits of a filter weight. 8 bits of value and 2 of headroom fill an `i32`.
const PRECISION: u32 = 32 - 8 - 2;

/// A part of an image.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Region {
    pub left: usize,
    pub top: usize,
    pub width: usize,
    pub height: usize,
}

impl Region {
    pub fn whole(image: &Image) -> Self {
        Region {
            left: 0,
            top: 0,
            width: image.width,
            height: image.height,
        }
    }
}

/// The taps of every output position along one axis.
struct Taps {
    /// First input position and number of taps.
    spans: Vec<(usize, usize)>,
    weights: Vec<i32>,
    stride: usize,
}

/// A filter, widened by the scale when shrinking (antialiasing).
fn filter_taps(input: usize, output: usize, filter: Filter) -> Taps {
    let scale = input as f64 / output as f64;
    let widening = scale.max(1.0);
    let support = if filter == Filter::Bicubic { 2.0 } else { 1.0 } * widening;
    // Multiplied with, not divided by: the last bit of a weight decides some roundings.
    let inverse = 1.0 / widening;
    let stride = support.ceil() as usize * 2 + 1;
    let mut taps = Taps {
        spans: Vec::with_capacity(output),
        weights: vec![0; output * stride],
        stride,
    };
    let mut row = vec![0f64; stride];
    for at in 0..output {
        let center = (at as f64 + 0.5) * scale;
        let first = (center - support + 0.5).max(0.0) as usize;
        let last = ((center + support + 0.5) as usize).min(input);
        let count = last - first;
        let mut sum = 0.0;
        for (x, weight) in row[..count].iter_mut().enumerate() {
            *weight = kernel(filter, ((x + first) as f64 - center + 0.5) * inverse);
            sum += *weight;
        }
        for (target, weight) in taps.weights[at * stride..].iter_mut().zip(&row[..count]) {
            let fixed = weight / sum * f64::from(1u32 << PRECISION);
            *target = (fixed + 0.5f64.copysign(fixed)) as i32;
        }
        taps.spans.push((first, count));
    }
    taps
}

/// The triangle, or the cubic convolution with a = −0.5.
fn kernel(filter: Filter, distance: f64) -> f64 {
    let x = distance.abs();
    match filter {
        Filter::Bicubic if x < 1.0 => ((-0.5 + 2.0) * x - (-0.5 + 3.0)) * x * x + 1.0,
        Filter::Bicubic if x < 2.0 => (((x - 5.0) * x + 8.0) * x - 4.0) * -0.5,
        Filter::Bicubic => 0.0,
        _ => (1.0 - x).max(0.0),
    }
}

#[inline(always)]
fn to_byte(sum: i32) -> u8 {
    (sum >> PRECISION).clamp(0, 255) as u8
}

/// Cuts `region` out of `image` and scales it to `width` × `height`: antialiased, first along rows, then along
/// columns, with 8 bits in between. Pixels outside of the region have no influence. `Nearest` picks single pixels.
pub fn resize(image: &Image, region: Region, width: usize, height: usize, filter: Filter) -> Image {
    if filter == Filter::Nearest {
        return pick(image, region, width, height);
    }
    let channels = image.channels;
    let across = |image: &Image| {
        let taps = filter_taps(region.width, width, filter);
        let mut out = Image::filled(width, region.height, channels, 0);
        simd(Rows {
            image,
            region,
            out: &mut out,
            taps: &taps,
        });
        out
    };
    let crop = || {
        image.crop(
            region.left as isize,
            region.top as isize,
            region.width,
            region.height,
        )
    };
    let rows = if width == region.width {
        crop()
    } else {
        across(image)
    };
    if height == region.height {
        rows
    } else {
        along_columns(&rows, height, filter)
    }
}

/// Values that are filtered side by side: so many rows at a time that their channels fill the widest registers.
const LANES: usize = 48;

struct Rows<'a> {
    image: &'a Image,
    region: Region,
    out: &'a mut Image,
    taps: &'a Taps,
}

impl Kernel for Rows<'_> {
    type Out = ();

    #[inline(always)]
    fn run(self) {
        match self.image.channels {
            1 => rows::<1>(self.image, self.region, self.out, self.taps),
            _ => rows::<3>(self.image, self.region, self.out, self.taps),
        }
    }
}

struct Columns<'a> {
    image: &'a Image,
    out: &'a mut Image,
    taps: &'a Taps,
}

impl Kernel for Columns<'_> {
    type Out = ();

    #[inline(always)]
    fn run(self) {
        columns(self.image, self.out, self.taps);
    }
}

/// Filters along rows. A block of rows is turned so that one column of it lies together, which makes the work of all
/// its rows the same.
#[inline(always)]
fn rows<const C: usize>(image: &Image, region: Region, out: &mut Image, taps: &Taps) {
    let block = LANES / C;
    let mut turned = vec![0u8; region.width * LANES];
    let (from, to) = (image.row_bytes(), out.row_bytes());
    for (at, targets) in out.data.chunks_mut(block * to).enumerate() {
        let count = targets.len() / to;
        for r in 0..count {
            let start = (region.top + at * block + r) * from + region.left * C;
            let row = &image.data[start..start + region.width * C];
            let columns = turned.chunks_exact_mut(LANES);
            for (column, pixel) in columns.zip(row.chunks_exact(C)) {
                column[r * C..r * C + C].copy_from_slice(pixel);
            }
        }
        for (x, ((first, taken), weights)) in taps
            .spans
            .iter()
            .zip(taps.weights.chunks_exact(taps.stride))
            .enumerate()
        {
            let mut sums = [1i32 << (PRECISION - 1); LANES];
            let columns = turned[first * LANES..(first + taken) * LANES].chunks_exact(LANES);
            for (column, weight) in columns.zip(weights) {
                for (sum, value) in sums.iter_mut().zip(column) {
                    *sum += i32::from(*value) * weight;
                }
            }
            let mut bytes = [0u8; LANES];
            for (byte, sum) in bytes.iter_mut().zip(sums) {
                *byte = to_byte(sum);
            }
            for (r, pixel) in bytes.chunks_exact(C).take(count).enumerate() {
                targets[r * to + x * C..r * to + x * C + C].copy_from_slice(pixel);
            }
        }
    }
}

fn along_columns(image: &Image, height: usize, filter: Filter) -> Image {
    let taps = filter_taps(image.height, height, filter);
    let mut out = Image::filled(image.width, height, image.channels, 0);
    simd(Columns {
        image,
        out: &mut out,
        taps: &taps,
    });
    out
}

#[inline(always)]
fn columns(image: &Image, out: &mut Image, taps: &Taps) {
    let bytes = image.row_bytes();
    for ((target, (first, count)), weights) in out
        .data
        .chunks_exact_mut(bytes)
        .zip(&taps.spans)
        .zip(taps.weights.chunks_exact(taps.stride))
    {
        let source = &image.data[first * bytes..(first + count) * bytes];
        let mut at = 0;
        // Pieces whose sums stay in registers, and what is left over.
        while at + LANES <= bytes {
            let mut sums = [1i32 << (PRECISION - 1); LANES];
            for (row, weight) in source.chunks_exact(bytes).zip(weights) {
                for (sum, value) in sums.iter_mut().zip(&row[at..at + LANES]) {
                    *sum += i32::from(*value) * weight;
                }
            }
            for (value, sum) in target[at..at + LANES].iter_mut().zip(sums) {
                *value = to_byte(sum);
            }
            at += LANES;
        }
        for (lane, value) in target.iter_mut().enumerate().skip(at) {
            let products = source.chunks_exact(bytes).zip(weights);
            let sum: i32 = products.map(|(row, weight)| i32::from(row[lane]) * weight).sum();
            *value = to_byte(sum + (1 << (PRECISION - 1)));
        }
    }
}

/// Width and height after scaling the shorter side to `side`.
pub fn shorter_side_to(side: usize, width: usize, height: usize) -> (usize, usize) {
    let long = |long: usize, short: usize| (side.saturating_mul(long) / short.max(1)).max(1);
    if width <= height {
        (side, long(height, width))
    } else {
        (long(width, height), side)
    }
}

/// The pixel at the middle of what every target pixel covers.
fn pick(image: &Image, region: Region, width: usize, height: usize) -> Image {
    let source = |size: usize, output: usize| -> Vec<usize> {
        let scale = size as f64 / output as f64;
        let mut at = scale * 0.5;
        (0..output)
            .map(|_| {
                let here = (at as usize).min(size - 1);
                at += scale;
                here
            })
            .collect()
    };
    let (columns, rows) = (source(region.width, width), source(region.height, height));
    let mut data = Vec::with_capacity(width * height * image.channels);
    for y in rows {
        let start = (region.top + y) * image.row_bytes();
        for x in &columns {
            let at = start + (region.left + x) * image.channels;
            data.extend_from_slice(&image.data[at..at + image.channels]);
        }
    }
    Image {
        width,
        height,
        channels: image.channels,
        data,
    }
}

/// Width and height after scaling the longer side to `side`.
pub fn longer_side_to(side: usize, width: usize, height: usize) -> (usize, usize) {
    let scale = side as f64 / width.max(height) as f64;
    let to = |size: usize| ((size as f64 * scale).round_ties_even() as usize).max(1);
    (to(width), to(height))
}
