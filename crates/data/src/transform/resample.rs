use super::params::Filter;
use crate::image::Image;
use crate::simd::simd;

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
        let (from, to) = (image.row_bytes(), out.row_bytes());
        let mut padded = Vec::with_capacity(region.width * channels + 1);
        simd(|| {
            for (y, target) in out.data.chunks_exact_mut(to).enumerate() {
                let start = (region.top + y) * from + region.left * channels;
                let row = &image.data[start..start + region.width * channels];
                match channels {
                    1 => filter_row::<1>(row, target, &taps, &mut padded),
                    _ => filter_row::<3>(row, target, &taps, &mut padded),
                }
            }
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

/// Filters one row. `padded` is scratch memory.
#[inline(always)]
fn filter_row<const C: usize>(row: &[u8], target: &mut [u8], taps: &Taps, padded: &mut Vec<u8>) {
    // Four bytes are read of every pixel of three, so that they go through one register.
    padded.clear();
    padded.extend_from_slice(row);
    padded.push(0);
    for ((pixel, (first, count)), weights) in target
        .chunks_exact_mut(C)
        .zip(&taps.spans)
        .zip(taps.weights.chunks_exact(taps.stride))
    {
        if C == 1 {
            let mut sum = 1i32 << (PRECISION - 1);
            for (value, weight) in padded[*first..first + count].iter().zip(weights) {
                sum += i32::from(*value) * weight;
            }
            pixel[0] = to_byte(sum);
            continue;
        }
        let mut sums = [1i32 << (PRECISION - 1); 4];
        let span = &padded[first * 3..(first + count) * 3 + 1];
        for (four, weight) in span.windows(4).step_by(3).zip(weights) {
            for lane in 0..4 {
                sums[lane] += i32::from(four[lane]) * weight;
            }
        }
        for (value, sum) in pixel.iter_mut().zip(sums) {
            *value = to_byte(sum);
        }
    }
}

fn along_columns(image: &Image, height: usize, filter: Filter) -> Image {
    let taps = filter_taps(image.height, height, filter);
    let mut out = Image::filled(image.width, height, image.channels, 0);
    simd(|| columns(image, &mut out, &taps));
    out
}

#[inline(always)]
fn columns(image: &Image, out: &mut Image, taps: &Taps) {
    let bytes = image.row_bytes();
    let mut sums = vec![0i32; bytes];
    for ((target, (first, count)), weights) in out
        .data
        .chunks_exact_mut(bytes)
        .zip(&taps.spans)
        .zip(taps.weights.chunks_exact(taps.stride))
    {
        sums.fill(1 << (PRECISION - 1));
        for (row, weight) in image.data[first * bytes..(first + count) * bytes]
            .chunks_exact(bytes)
            .zip(weights)
        {
            for (sum, value) in sums.iter_mut().zip(row) {
                *sum += i32::from(*value) * weight;
            }
        }
        for (value, sum) in target.iter_mut().zip(&sums) {
            *value = to_byte(*sum);
        }
    }
}

/// Width and height after scaling the shorter side to `side`.
pub fn shorter_side_to(side: usize, width: usize, height: usize) -> (usize, usize) {
    let long = |long: usize, short: usize| ((side * long) / short).max(1);
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
