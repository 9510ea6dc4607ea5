//! Point-wise and histogram adjustments, as Pillow's `ImageOps` and `ImageEnhance` compute them.

use super::color::{blend, map_values};
use crate::image::Image;

/// Keeps the highest `bits` (0..8) of every value.
pub fn posterize(image: &mut Image, bits: u32) {
    let mask = (0xff00u32 >> bits.min(8)) as u8;
    map_values(image, |value| value & mask);
}

pub fn invert(image: &mut Image) {
    map_values(image, |value| 255 - value);
}

/// Adds `amount` to values below `threshold`, up to 255.
pub fn solarize_add(image: &mut Image, amount: u16, threshold: u16) {
    map_values(image, |value| {
        if u16::from(value) < threshold {
            (u16::from(value) + amount).min(255) as u8
        } else {
            value
        }
    });
}

fn histograms(image: &Image) -> Vec<[u32; 256]> {
    let mut counts = vec![[0u32; 256]; image.channels];
    for pixel in image.data.chunks_exact(image.channels) {
        for (counts, value) in counts.iter_mut().zip(pixel) {
            counts[usize::from(*value)] += 1;
        }
    }
    counts
}

/// Maps every channel through the table that `table` makes of its histogram.
fn map_by_histogram(image: &mut Image, table: impl Fn(&[u32; 256]) -> [u8; 256]) {
    let tables: Vec<[u8; 256]> = histograms(image).iter().map(table).collect();
    for pixel in image.data.chunks_exact_mut(image.channels) {
        for (table, value) in tables.iter().zip(pixel) {
            *value = table[usize::from(*value)];
        }
    }
}

const IDENTITY: [u8; 256] = {
    let mut table = [0; 256];
    let mut value = 0;
    while value < 256 {
        table[value] = value as u8;
        value += 1;
    }
    table
};

/// Stretches every channel to the whole range.
pub fn autocontrast(image: &mut Image) {
    map_by_histogram(image, |counts| {
        let low = counts.iter().position(|count| *count > 0).unwrap_or(0);
        let high = counts.iter().rposition(|count| *count > 0).unwrap_or(0);
        if high <= low {
            return IDENTITY;
        }
        let scale = 255.0 / (high - low) as f64;
        let offset = -(low as f64) * scale;
        std::array::from_fn(|value| (value as f64 * scale + offset).clamp(0.0, 255.0) as u8)
    });
}

/// Makes every channel's histogram as flat as a mapping of values can.
pub fn equalize(image: &mut Image) {
    map_by_histogram(image, |counts| {
        let used = counts.iter().filter(|count| **count > 0);
        let Some(last) = used.clone().next_back() else {
            return IDENTITY;
        };
        let step = (counts.iter().sum::<u32>() - last) / 255;
        if used.count() <= 1 || step == 0 {
            return IDENTITY;
        }
        let mut before = step / 2;
        std::array::from_fn(|value| {
            let mapped = (before / step).min(255) as u8;
            before += counts[value];
            mapped
        })
    });
}

/// Blends with a smoothed copy; factor 0 is smooth, 1 changes nothing, more sharpens.
pub fn adjust_sharpness(image: &mut Image, factor: f64) {
    let smooth = smooth(image);
    for (value, smooth) in image.data.iter_mut().zip(&smooth) {
        *value = blend(*smooth, *value, factor as f32);
    }
}

/// The 3×3 mean with the centre counted five times; the border is copied.
fn smooth(image: &Image) -> Vec<u8> {
    let (bytes, channels) = (image.row_bytes(), image.channels);
    let mut out = image.data.clone();
    if image.width < 3 || image.height < 3 {
        return out;
    }
    for y in 1..image.height - 1 {
        let row = |dy: usize| &image.data[(y + dy - 1) * bytes..(y + dy) * bytes];
        let (above, here, below) = (row(0), row(1), row(2));
        let target = &mut out[y * bytes + channels..(y + 1) * bytes - channels];
        for (i, value) in target.iter_mut().enumerate() {
            let sum = |row: &[u8]| {
                u32::from(row[i]) + u32::from(row[i + channels]) + u32::from(row[i + 2 * channels])
            };
            let sum = sum(above) + sum(here) + sum(below) + 4 * u32::from(here[i + channels]);
            // 13 is odd, so no sum lies half-way and the rounding is exact.
            *value = ((2 * sum + 13) / 26) as u8;
        }
    }
    out
}
