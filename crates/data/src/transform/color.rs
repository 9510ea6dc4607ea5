use crate::image::Image;
use crate::simd::simd;

/// The luma of an RGB image (ITU-R 601-2), rounded from 16-bit fixed point; a gray image is its own luma.
pub fn to_gray(image: &Image) -> Image {
    let data = match image.channels {
        1 => image.data.clone(),
        _ => {
            let mut data = vec![0; image.width * image.height];
            simd(|| {
                for (gray, rgb) in data.iter_mut().zip(image.data.chunks_exact(3)) {
                    *gray = luma(rgb[0], rgb[1], rgb[2]);
                }
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
    // Through i32: a cast to u8 itself is not vectorised.
    mixed.clamp(0.0, 255.0) as i32 as u8
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

fn blend_all(data: &mut [u8], from: u8, factor: f32) {
    simd(|| data.iter_mut().for_each(|value| *value = blend(from, *value, factor)));
}

/// Blends with black; factor 0 is black, 1 changes nothing.
pub fn adjust_brightness(image: &mut Image, factor: f64) {
    blend_all(&mut image.data, 0, factor as f32);
}

/// Blends with the mean luma; factor 0 is a plain gray, 1 changes nothing.
pub fn adjust_contrast(image: &mut Image, factor: f64) {
    let pixels = (image.width * image.height).max(1);
    let sum: u64 = simd(|| match image.channels {
        1 => image.data.iter().map(|value| u64::from(*value)).sum(),
        // Sums of 32 bits within pieces that cannot overflow them.
        _ => image
            .data
            .chunks(3 << 16)
            .map(|piece| {
                let lumas = piece.chunks_exact(3).map(|rgb| u32::from(luma(rgb[0], rgb[1], rgb[2])));
                u64::from(lumas.sum::<u32>())
            })
            .sum(),
    });
    let mean = (sum as f64 / pixels as f64 + 0.5) as u8;
    blend_all(&mut image.data, mean, factor as f32);
}

/// Pixels that are taken apart into channels at a time: small enough for the first cache.
const PIECE: usize = 256;

/// Runs `work` over the pixels, taken apart into channels, a piece at a time.
#[inline(always)]
fn by_channels(data: &mut [u8], work: impl Fn(&mut [u8; PIECE], &mut [u8; PIECE], &mut [u8; PIECE])) {
    let (mut r, mut g, mut b) = ([0u8; PIECE], [0u8; PIECE], [0u8; PIECE]);
    for piece in data.chunks_mut(3 * PIECE) {
        let lanes = r.iter_mut().zip(&mut g).zip(&mut b);
        for (((r, g), b), rgb) in lanes.zip(piece.chunks_exact(3)) {
            (*r, *g, *b) = (rgb[0], rgb[1], rgb[2]);
        }
        work(&mut r, &mut g, &mut b);
        let lanes = r.iter().zip(&g).zip(&b);
        for (((r, g), b), rgb) in lanes.zip(piece.chunks_exact_mut(3)) {
            (rgb[0], rgb[1], rgb[2]) = (*r, *g, *b);
        }
    }
}

/// Blends with the luma; factor 0 is gray, 1 changes nothing. Gray images stay as they are.
pub fn adjust_saturation(image: &mut Image, factor: f64) {
    if image.channels != 3 {
        return;
    }
    let factor = factor as f32;
    simd(|| {
        by_channels(&mut image.data, |r, g, b| {
            for ((r, g), b) in r.iter_mut().zip(g).zip(b) {
                let gray = luma(*r, *g, *b);
                *r = blend(gray, *r, factor);
                *g = blend(gray, *g, factor);
                *b = blend(gray, *b, factor);
            }
        });
    });
}

/// Turns the 8-bit hue by `factor` (−0.5..0.5) of a full turn. Gray images stay as they are.
pub fn adjust_hue(image: &mut Image, factor: f64) {
    if image.channels != 3 {
        return;
    }
    let shift = (factor * 255.0) as i32 as u8;
    simd(|| {
        by_channels(&mut image.data, |r, g, b| {
            for ((r, g), b) in r.iter_mut().zip(g).zip(b) {
                let [hue, saturation, value] = to_hsv(*r, *g, *b);
                [*r, *g, *b] = from_hsv(hue.wrapping_add(shift), saturation, value);
            }
        });
    });
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
    // Of a gray pixel: nothing is divided by zero, and what comes out is put to zero below.
    let range = f32::from(max - min).max(1.0);
    let distance = |value: u8| f32::from(max - value) / range;
    let (rc, gc, bc) = (distance(r), distance(g), distance(b));
    let red = f64::from(bc - gc);
    let green = f64::from((2.0 + f64::from(rc) - f64::from(bc)) as f32);
    let blue = f64::from((4.0 + f64::from(gc) - f64::from(rc)) as f32);
    let sector = if r == max {
        red
    } else if g == max {
        green
    } else {
        blue
    };
    let turn = sector / 6.0 + 1.0;
    let hue = (if turn >= 1.0 { turn - 1.0 } else { turn }) as f32;
    let saturation = range / f32::from(max).max(1.0);
    let whole = |part: f32| (f64::from(part) * 255.0) as i32 as u8;
    let coloured = max != min;
    [
        if coloured { whole(hue) } else { 0 },
        if coloured { whole(saturation) } else { 0 },
        max,
    ]
}

#[inline(always)]
fn from_hsv(hue: u8, saturation: u8, value: u8) -> [u8; 3] {
    let turn = f64::from(hue) * 6.0 / 255.0;
    let sector = turn as i32;
    let fraction = f64::from((turn - f64::from(sector)) as f32);
    let sector = if sector == 6 { 0 } else { sector };
    let strength = f64::from((f64::from(saturation) / 255.0) as f32);
    // Never negative and at most 255, so adding a half and cutting rounds.
    let level = |part: f64| (f64::from(value) * (1.0 - part) + 0.5) as i32 as u8;
    let p = level(strength);
    let q = level(f64::from((strength * fraction) as f32));
    let t = level(strength * (1.0 - fraction));
    let choose = |of: [u8; 6]| {
        let mut chosen = of[0];
        for (at, one) in of.into_iter().enumerate().skip(1) {
            chosen = if sector == at as i32 { one } else { chosen };
        }
        chosen
    };
    // With saturation 0 all of them are the value.
    [
        choose([value, q, p, p, t, value]),
        choose([t, value, value, q, p, p]),
        choose([p, p, t, value, value, q]),
    ]
}
