use crate::image::Image;

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

/// A triangle filter, widened by the scale when shrinking (antialiasing).
fn triangle(input: usize, output: usize) -> Taps {
    let scale = input as f64 / output as f64;
    let support = scale.max(1.0);
    // Multiplied with, not divided by: the last bit of a weight decides some roundings.
    let inverse = 1.0 / support;
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
            let distance = (((x + first) as f64 - center + 0.5) * inverse).abs();
            *weight = (1.0 - distance).max(0.0);
            sum += *weight;
        }
        for (target, weight) in taps.weights[at * stride..].iter_mut().zip(&row[..count]) {
            *target = (0.5 + weight / sum * f64::from(1u32 << PRECISION)) as i32;
        }
        taps.spans.push((first, count));
    }
    taps
}

fn to_byte(sum: i32) -> u8 {
    (sum >> PRECISION).clamp(0, 255) as u8
}

/// Cuts `region` out of `image` and scales it to `width` × `height`: bilinear, antialiased, first along rows, then
/// along columns, with 8 bits in between. Pixels outside of the region have no influence.
pub fn resize(image: &Image, region: Region, width: usize, height: usize) -> Image {
    let channels = image.channels;
    let across = |image: &Image| {
        let taps = triangle(region.width, width);
        let mut out = Image::filled(width, region.height, channels, 0);
        let (from, to) = (image.row_bytes(), out.row_bytes());
        for (y, target) in out.data.chunks_exact_mut(to).enumerate() {
            let start = (region.top + y) * from + region.left * channels;
            let row = &image.data[start..start + region.width * channels];
            match channels {
                1 => filter_row::<1>(row, target, &taps),
                _ => filter_row::<3>(row, target, &taps),
            }
        }
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
        along_columns(&rows, height)
    }
}

fn filter_row<const C: usize>(row: &[u8], target: &mut [u8], taps: &Taps) {
    for ((pixel, (first, count)), weights) in target
        .chunks_exact_mut(C)
        .zip(&taps.spans)
        .zip(taps.weights.chunks_exact(taps.stride))
    {
        let mut sums = [1i32 << (PRECISION - 1); C];
        for (source, weight) in row[first * C..(first + count) * C].chunks_exact(C).zip(weights) {
            for (sum, value) in sums.iter_mut().zip(source) {
                *sum += i32::from(*value) * weight;
            }
        }
        for (value, sum) in pixel.iter_mut().zip(sums) {
            *value = to_byte(sum);
        }
    }
}

fn along_columns(image: &Image, height: usize) -> Image {
    let taps = triangle(image.height, height);
    let mut out = Image::filled(image.width, height, image.channels, 0);
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
    out
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
