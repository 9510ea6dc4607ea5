use crate::image::Image;

/// The luma of an RGB image (ITU-R 601-2), rounded from 16-bit fixed point; a gray image is its own luma.
pub fn to_gray(image: &Image) -> Image {
    let data = match image.channels {
        1 => image.data.clone(),
        _ => image.data.chunks_exact(3).map(luma).collect(),
    };
    Image {
        width: image.width,
        height: image.height,
        channels: 1,
        data,
    }
}

fn luma(rgb: &[u8]) -> u8 {
    ((u32::from(rgb[0]) * 19_595 + u32::from(rgb[1]) * 38_470 + u32::from(rgb[2]) * 7_471 + 0x8000) >> 16)
        as u8
}

/// `from + factor · (to − from)`, cut to 0..255, the fraction dropped.
fn blend(from: u8, to: u8, factor: f32) -> u8 {
    (f32::from(from) + factor * (f32::from(to) - f32::from(from))).clamp(0.0, 255.0) as u8
}

/// Applies a function of the single value.
fn map_values(image: &mut Image, function: impl Fn(u8) -> u8) {
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
        _ => image.data.chunks_exact(3).map(|rgb| u64::from(luma(rgb))).sum(),
    };
    let mean = (sum as f64 / pixels as f64 + 0.5) as u8;
    map_values(image, |value| blend(mean, value, factor as f32));
}

/// Blends with the luma; factor 0 is gray, 1 changes nothing. Gray images stay as they are.
pub fn adjust_saturation(image: &mut Image, factor: f64) {
    if image.channels == 3 {
        for rgb in image.data.chunks_exact_mut(3) {
            let gray = luma(rgb);
            rgb.iter_mut()
                .for_each(|value| *value = blend(gray, *value, factor as f32));
        }
    }
}

/// Turns the 8-bit hue by `factor` (−0.5..0.5) of a full turn. Gray images stay as they are.
pub fn adjust_hue(image: &mut Image, factor: f64) {
    if image.channels == 3 {
        let shift = (factor * 255.0) as i32 as u8;
        let sectors = sectors();
        for rgb in image.data.chunks_exact_mut(3) {
            let [hue, saturation, value] = to_hsv(rgb[0], rgb[1], rgb[2]);
            rgb.copy_from_slice(&from_hsv(
                sectors[usize::from(hue.wrapping_add(shift))],
                saturation,
                value,
            ));
        }
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

fn to_hsv(r: u8, g: u8, b: u8) -> [u8; 3] {
    let (max, min) = (r.max(g).max(b), r.min(g).min(b));
    if max == min {
        return [0, 0, max];
    }
    let range = f32::from(max - min);
    let distance = |value: u8| f32::from(max - value) / range;
    let (rc, gc, bc) = (distance(r), distance(g), distance(b));
    let sector = if r == max {
        bc - gc
    } else if g == max {
        (2.0 + f64::from(rc) - f64::from(bc)) as f32
    } else {
        (4.0 + f64::from(gc) - f64::from(rc)) as f32
    };
    let turn = f64::from(sector) / 6.0 + 1.0;
    let hue = (if turn >= 1.0 { turn - 1.0 } else { turn }) as f32;
    let saturation = range / f32::from(max);
    [
        (f64::from(hue) * 255.0) as u8,
        (f64::from(saturation) * 255.0) as u8,
        max,
    ]
}

/// The sector (0..5) of every 8-bit hue and how far into it the hue lies.
fn sectors() -> [(u8, f64); 256] {
    std::array::from_fn(|hue| {
        let turn = hue as f64 * 6.0 / 255.0;
        (turn.floor() as u8 % 6, f64::from((turn - turn.floor()) as f32))
    })
}

fn from_hsv((sector, fraction): (u8, f64), saturation: u8, value: u8) -> [u8; 3] {
    if saturation == 0 {
        return [value; 3];
    }
    let strength = f64::from((f64::from(saturation) / 255.0) as f32);
    // Never negative and at most 255, so adding a half and cutting rounds.
    let level = |part: f64| (f64::from(value) * (1.0 - part) + 0.5) as u8;
    let p = level(strength);
    let q = level(f64::from((strength * fraction) as f32));
    let t = level(strength * (1.0 - fraction));
    match sector {
        0 => [value, t, p],
        1 => [q, value, p],
        2 => [p, value, t],
        3 => [p, q, value],
        4 => [t, p, value],
        _ => [value, p, q],
    }
}
