use crate::image::Image;
use crate::simd::{Kernel, simd};

/// The luma of an RGB image (ITU-R 601-2), rounded from 16-bit fixed point; a gray image is its own luma.
pub fn to_gray(image: &Image) -> Image {
    let data = match image.channels {
        1 => image.data.clone(),
        _ => {
            let mut data = vec![0; image.width * image.height];
            simd(Gray {
                rgb: &image.data,
                gray: &mut data,
            });
            data
        }
    };
    Image {
        width: image.width,
        height: image.height,
        channels: 1,
        data,
    }
}

#[inline(always)]
fn luma(r: u8, g: u8, b: u8) -> u8 {
    ((u32::from(r) * 19_595 + u32::from(g) * 38_470 + u32::from(b) * 7_471 + 0x8000) >> 16) as u8
}

/// `from + factor · (to − from)`, cut to 0..255, the fraction dropped.
#[inline(always)]
pub(super) fn blend(from: u8, to: u8, factor: f32) -> u8 {
    let mixed = f32::from(from) + factor * (f32::from(to) - f32::from(from));
    cut_f32(mixed.clamp(0.0, 255.0))
}

/// As [`cut`], of a float32.
#[inline(always)]
fn cut_f32(value: f32) -> u8 {
    // 1.5·2²³.
    const MAGIC: f32 = 12_582_912.0;
    let rounded = (value + MAGIC) - MAGIC;
    let whole = if rounded > value { rounded - 1.0 } else { rounded };
    (whole + MAGIC).to_bits() as u8
}

/// Applies a function of the single value.
pub(super) fn map_values(image: &mut Image, function: impl Fn(u8) -> u8) {
    let mut table = [0u8; 256];
    for (value, entry) in table.iter_mut().enumerate() {
        *entry = function(value as u8);
    }
    image
        .data
        .iter_mut()
        .for_each(|value| *value = table[usize::from(*value)]);
}

/// Blends with black; factor 0 is black, 1 changes nothing.
pub fn adjust_brightness(image: &mut Image, factor: f64) {
    map_values(image, |value| blend(0, value, factor as f32));
}

/// Blends with the mean luma; factor 0 is a plain gray, 1 changes nothing.
pub fn adjust_contrast(image: &mut Image, factor: f64) {
    let pixels = (image.width * image.height).max(1);
    let sum: u64 = match image.channels {
        1 => image.data.iter().map(|value| u64::from(*value)).sum(),
        _ => simd(SumOfLuma(&image.data)),
    };
    let mean = (sum as f64 / pixels as f64 + 0.5) as u8;
    map_values(image, |value| blend(mean, value, factor as f32));
}

struct Gray<'a> {
    rgb: &'a [u8],
    gray: &'a mut [u8],
}

impl Kernel for Gray<'_> {
    type Out = ();

    #[inline(always)]
    fn run(self) {
        let (mut r, mut g, mut b) = ([0u8; PIECE], [0u8; PIECE], [0u8; PIECE]);
        for (piece, gray) in self.rgb.chunks(3 * PIECE).zip(self.gray.chunks_mut(PIECE)) {
            split(piece, &mut r, &mut g, &mut b);
            for (at, gray) in gray.iter_mut().enumerate() {
                *gray = luma(r[at], g[at], b[at]);
            }
        }
    }
}

struct SumOfLuma<'a>(&'a [u8]);

impl Kernel for SumOfLuma<'_> {
    type Out = u64;

    #[inline(always)]
    fn run(self) -> u64 {
        let mut sum = 0u64;
        let (mut r, mut g, mut b) = ([0u8; PIECE], [0u8; PIECE], [0u8; PIECE]);
        for piece in self.0.chunks(3 * PIECE) {
            split(piece, &mut r, &mut g, &mut b);
            let mut part = 0u32;
            for at in 0..piece.len() / 3 {
                part += u32::from(luma(r[at], g[at], b[at]));
            }
            sum += u64::from(part);
        }
        sum
    }
}

/// Pixels that are taken apart into channels at a time: small enough for the first cache.
const PIECE: usize = 256;

#[inline(always)]
fn split(piece: &[u8], r: &mut [u8; PIECE], g: &mut [u8; PIECE], b: &mut [u8; PIECE]) {
    let lanes = r.iter_mut().zip(g).zip(b);
    for (((r, g), b), rgb) in lanes.zip(piece.chunks_exact(3)) {
        (*r, *g, *b) = (rgb[0], rgb[1], rgb[2]);
    }
}

/// Replaces the pixels, taken apart into channels, a piece at a time.
trait OnChannels {
    fn pixel(&self, r: u8, g: u8, b: u8) -> [u8; 3];
}

struct ByChannels<'a, W>(&'a mut [u8], W);

impl<W: OnChannels> Kernel for ByChannels<'_, W> {
    type Out = ();

    #[inline(always)]
    fn run(self) {
        let ByChannels(data, work) = self;
        let (mut r, mut g, mut b) = ([0u8; PIECE], [0u8; PIECE], [0u8; PIECE]);
        for piece in data.chunks_mut(3 * PIECE) {
            split(piece, &mut r, &mut g, &mut b);
            for at in 0..PIECE {
                [r[at], g[at], b[at]] = work.pixel(r[at], g[at], b[at]);
            }
            let lanes = r.iter().zip(&g).zip(&b);
            for (((r, g), b), rgb) in lanes.zip(piece.chunks_exact_mut(3)) {
                (rgb[0], rgb[1], rgb[2]) = (*r, *g, *b);
            }
        }
    }
}

struct Saturation(f32);

impl OnChannels for Saturation {
    #[inline(always)]
    fn pixel(&self, r: u8, g: u8, b: u8) -> [u8; 3] {
        let gray = luma(r, g, b);
        [
            blend(gray, r, self.0),
            blend(gray, g, self.0),
            blend(gray, b, self.0),
        ]
    }
}

struct Hue(u8);

impl OnChannels for Hue {
    #[inline(always)]
    fn pixel(&self, r: u8, g: u8, b: u8) -> [u8; 3] {
        let [hue, saturation, value] = to_hsv(r, g, b);
        from_hsv(hue.wrapping_add(self.0), saturation, value)
    }
}

/// Blends with the luma; factor 0 is gray, 1 changes nothing. Gray images stay as they are.
pub fn adjust_saturation(image: &mut Image, factor: f64) {
    if image.channels == 3 {
        simd(ByChannels(&mut image.data, Saturation(factor as f32)));
    }
}

/// Turns the 8-bit hue by `factor` (−0.5..0.5) of a full turn. Gray images stay as they are.
pub fn adjust_hue(image: &mut Image, factor: f64) {
    if image.channels == 3 {
        simd(ByChannels(&mut image.data, Hue((factor * 255.0) as i32 as u8)));
    }
}

/// Inverts the values at and above `threshold` (0..256).
pub fn solarize(image: &mut Image, threshold: u16) {
    map_values(image, |value| {
        if u16::from(value) < threshold {
            value
        } else {
            255 - value
        }
    });
}

/// Without branches, so that many pixels go through at once. Pillow computes in float32 with steps in float64; both
/// are kept, for the last bit decides what is cut.
#[inline(always)]
fn to_hsv(r: u8, g: u8, b: u8) -> [u8; 3] {
    let (max, min) = (r.max(g).max(b), r.min(g).min(b));
    // Of a gray pixel nothing is divided by zero, and what comes out is put to zero below.
    let range = f32::from(max - min).max(1.0);
    let rc = f32::from(max - r) / range;
    let gc = f32::from(max - g) / range;
    let bc = f32::from(max - b) / range;
    let red = bc - gc;
    let green = (2.0 + f64::from(rc) - f64::from(bc)) as f32;
    let blue = (4.0 + f64::from(gc) - f64::from(rc)) as f32;
    let other = if g == max { green } else { blue };
    let sector = if r == max { red } else { other };
    let turn = f64::from(sector) / 6.0 + 1.0;
    let hue = (if turn >= 1.0 { turn - 1.0 } else { turn }) as f32;
    let saturation = range / f32::from(max).max(1.0);
    let coloured = max != min;
    let (hue, saturation) = (cut(f64::from(hue) * 255.0), cut(f64::from(saturation) * 255.0));
    [
        if coloured { hue } else { 0 },
        if coloured { saturation } else { 0 },
        max,
    ]
}

/// The whole part of a number in 0..256. The 1.5·2⁵² that is added leaves it in the lowest bits: casts saturate, which
/// is not vectorised everywhere.
#[inline(always)]
fn cut(value: f64) -> u8 {
    // Rounds to nearest; a value below its rounding goes down by one.
    const MAGIC: f64 = 6_755_399_441_055_744.0;
    let rounded = (value + MAGIC) - MAGIC;
    let whole = if rounded > value { rounded - 1.0 } else { rounded };
    (whole + MAGIC).to_bits() as u8
}

#[inline(always)]
fn from_hsv(hue: u8, saturation: u8, value: u8) -> [u8; 3] {
    // A turn has 6 sectors of 42.5 steps. That these float32 quotients are those of Pillow's way through float64 is
    // tested for all values.
    let steps = u32::from(hue) * 6;
    let sector = steps / 255 % 6;
    let fraction = f64::from((steps % 255) as u16 as f32 / 255.0);
    let strength = f64::from(f32::from(saturation) / 255.0);
    let top = f64::from(value);
    // Never negative and at most 255, so adding a half and cutting rounds.
    let p = cut(top * (1.0 - strength) + 0.5);
    let q = cut(top * (1.0 - f64::from((strength * fraction) as f32)) + 0.5);
    let t = cut(top * (1.0 - strength * (1.0 - fraction)) + 0.5);
    // With saturation 0 all of them are the value.
    [
        sextet(sector, [value, q, p, p, t, value]),
        sextet(sector, [t, value, value, q, p, p]),
        sextet(sector, [p, p, t, value, value, q]),
    ]
}

#[inline(always)]
fn sextet(sector: u32, of: [u8; 6]) -> u8 {
    let mut chosen = of[0];
    chosen = if sector == 1 { of[1] } else { chosen };
    chosen = if sector == 2 { of[2] } else { chosen };
    chosen = if sector == 3 { of[3] } else { chosen };
    chosen = if sector == 4 { of[4] } else { chosen };
    if sector == 5 { of[5] } else { chosen }
}

#[cfg(test)]
mod tests {
    #[test]
    fn quotients_in_float32_are_those_in_float64() {
        for value in 0..=255i32 {
            let wide = (f64::from(value) / 255.0) as f32;
            assert_eq!(wide, value as f32 / 255.0);
            let turn = f64::from(value) * 6.0 / 255.0;
            let (whole, part) = (turn.floor(), (turn - turn.floor()) as f32);
            assert_eq!(whole as i32, value * 6 / 255, "{value}");
            assert_eq!(part, (value * 6 % 255) as f32 / 255.0, "{value}");
        }
    }
}
