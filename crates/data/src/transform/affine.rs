//! Images under affine maps, as Pillow's `transform` and `rotate` compute them.

use super::params::Filter;
use crate::image::Image;

/// The map from a place (x, y) of the result to one of the source: (a·x + b·y + c, d·x + e·y + f).
pub type Matrix = [f64; 6];

/// The image of the same size whose pixels are found through `matrix`; `fill` stands where the source has none.
pub fn transform(image: &Image, matrix: &Matrix, filter: Filter, fill: [u8; 3]) -> Image {
    let mut out = Image {
        data: Vec::with_capacity(image.data.len()),
        ..*image
    };
    for _ in 0..image.width * image.height {
        out.data.extend_from_slice(&fill[..image.channels]);
    }
    match filter {
        Filter::Nearest => nearest(image, matrix, &mut out),
        Filter::Bilinear => smooth(image, matrix, &mut out, bilinear),
        Filter::Bicubic => smooth(image, matrix, &mut out, bicubic),
    }
    out
}

/// Turns about the centre by `degrees` counter-clockwise; the canvas keeps its size.
pub fn rotate(image: &Image, degrees: f64, filter: Filter, fill: [u8; 3]) -> Image {
    let degrees = degrees.rem_euclid(360.0);
    let (w, h) = (image.width, image.height);
    let square = w == h;
    match degrees {
        0.0 => return image.clone(),
        180.0 => return reorder(image, w, h, |x, y| (w - 1 - x, h - 1 - y)),
        90.0 if square => return reorder(image, h, w, |x, y| (w - 1 - y, x)),
        270.0 if square => return reorder(image, h, w, |x, y| (y, h - 1 - x)),
        _ => {}
    }
    transform(image, &rotation(w, h, degrees, (0.0, 0.0)), filter, fill)
}

/// The map of a turn about the centre of a w×h image followed by a shift; cosines are rounded to 15 digits.
fn rotation(w: usize, h: usize, degrees: f64, shift: (f64, f64)) -> Matrix {
    let (sin, cos) = (-degrees.to_radians()).sin_cos();
    let round = |value: f64| (value * 1e15).round() / 1e15;
    let (cos, sin) = (round(cos), round(sin));
    let (cx, cy) = (w as f64 / 2.0, h as f64 / 2.0);
    let (x, y) = (-cx - shift.0, -cy - shift.1);
    [
        cos,
        sin,
        cos * x + sin * y + cx,
        -sin,
        cos,
        -sin * x + cos * y + cy,
    ]
}

/// torchvision's affine map of an image of size w×h: turn, shear (degrees), scale and shift about the centre,
/// inverted.
pub fn affine_matrix(
    (w, h): (usize, usize),
    degrees: f64,
    shift: (f64, f64),
    scale: f64,
    shear: (f64, f64),
) -> Matrix {
    let (cx, cy) = (w as f64 * 0.5, h as f64 * 0.5);
    let rot = degrees.to_radians();
    let (sx, sy) = (shear.0.to_radians(), shear.1.to_radians());
    let a = (rot - sy).cos() / sy.cos();
    let b = -(rot - sy).cos() * sx.tan() / sy.cos() - rot.sin();
    let c = (rot - sy).sin() / sy.cos();
    let d = -(rot - sy).sin() * sx.tan() / sy.cos() + rot.cos();
    let m = [d / scale, -b / scale, -c / scale, a / scale];
    let (x, y) = (-cx - shift.0, -cy - shift.1);
    [
        m[0],
        m[1],
        m[0] * x + m[1] * y + cx,
        m[2],
        m[3],
        m[2] * x + m[3] * y + cy,
    ]
}

/// The width×height image whose pixel (x, y) is the source's at `from(x, y)`.
pub fn reorder(
    image: &Image,
    width: usize,
    height: usize,
    from: impl Fn(usize, usize) -> (usize, usize),
) -> Image {
    let channels = image.channels;
    let mut data = Vec::with_capacity(image.data.len());
    for y in 0..height {
        for x in 0..width {
            let (sx, sy) = from(x, y);
            let at = (sy * image.width + sx) * channels;
            data.extend_from_slice(&image.data[at..at + channels]);
        }
    }
    Image {
        width,
        height,
        channels,
        data,
    }
}

fn nearest(image: &Image, matrix: &Matrix, out: &mut Image) {
    let (w, h, channels) = (image.width, image.height, image.channels);
    let mut copy = |x: usize, y: usize, sx: i64, sy: i64| {
        if (0..w as i64).contains(&sx) && (0..h as i64).contains(&sy) {
            let (to, from) = ((y * w + x) * channels, (sy as usize * w + sx as usize) * channels);
            out.data[to..to + channels].copy_from_slice(&image.data[from..from + channels]);
        }
    };
    if matrix[1] == 0.0 && matrix[3] == 0.0 {
        // Pillow steps along the axes of a mere scaling in floats.
        let (mut yo, xo) = (matrix[5] + matrix[4] * 0.5, matrix[2] + matrix[0] * 0.5);
        for y in 0..h {
            let mut at = xo;
            for x in 0..w {
                copy(x, y, floor(at), floor(yo));
                at += matrix[0];
            }
            yo += matrix[4];
        }
        return;
    }
    let fixed = |value: f64| (value * 65536.0 + 0.5).floor() as i64;
    let [a, b, c, d, e, f] = *matrix;
    let (mut column, mut row) = (fixed(c + a * 0.5 + b * 0.5), fixed(f + d * 0.5 + e * 0.5));
    for y in 0..h {
        let (mut sx, mut sy) = (column, row);
        for x in 0..w {
            copy(x, y, sx >> 16, sy >> 16);
            // A map without bounds (a shear by 90°) leaves the image; it must not end the program.
            sx = sx.wrapping_add(fixed(a));
            sy = sy.wrapping_add(fixed(d));
        }
        column = column.wrapping_add(fixed(b));
        row = row.wrapping_add(fixed(e));
    }
}

fn floor(value: f64) -> i64 {
    value.floor() as i64
}

fn smooth(
    image: &Image,
    [a, b, c, d, e, f]: &Matrix,
    out: &mut Image,
    sample: impl Fn(&Image, f64, f64, usize) -> u8,
) {
    let (w, h, channels) = (image.width, image.height, image.channels);
    for y in 0..h {
        for x in 0..w {
            let (px, py) = (x as f64 + 0.5, y as f64 + 0.5);
            let (sx, sy) = (a * px + b * py + c, d * px + e * py + f);
            if sx < 0.0 || sx >= w as f64 || sy < 0.0 || sy >= h as f64 {
                continue;
            }
            for lane in 0..channels {
                out.data[(y * w + x) * channels + lane] = sample(image, sx - 0.5, sy - 0.5, lane);
            }
        }
    }
}

/// The value at column `x` (kept within the image) of row `y`, which is inside.
fn value(image: &Image, x: i64, y: i64, lane: usize) -> f64 {
    let x = x.clamp(0, image.width as i64 - 1) as usize;
    f64::from(image.data[(y as usize * image.width + x) * image.channels + lane])
}

fn bilinear(image: &Image, sx: f64, sy: f64, lane: usize) -> u8 {
    let (x, y) = (floor(sx), floor(sy));
    let (dx, dy) = (sx - x as f64, sy - y as f64);
    let last = image.height as i64 - 1;
    let along = |y: i64| {
        let (left, right) = (value(image, x, y, lane), value(image, x + 1, y, lane));
        left + (right - left) * dx
    };
    let upper = along(y.clamp(0, last));
    let lower = if (0..=last).contains(&(y + 1)) {
        along(y + 1)
    } else {
        upper
    };
    (upper + (lower - upper) * dy) as u8
}

fn cubic([v1, v2, v3, v4]: [f64; 4], d: f64) -> f64 {
    let p2 = -v1 + v3;
    let p3 = 2.0 * (v1 - v2) + v3 - v4;
    let p4 = -v1 + v2 - v3 + v4;
    v2 + d * (p2 + d * (p3 + d * p4))
}

fn bicubic(image: &Image, sx: f64, sy: f64, lane: usize) -> u8 {
    let (x, y) = (floor(sx), floor(sy));
    let (dx, dy) = (sx - x as f64, sy - y as f64);
    let last = image.height as i64 - 1;
    let along = |y: i64| cubic([-1, 0, 1, 2].map(|offset| value(image, x + offset, y, lane)), dx);
    let mut rows = [along((y - 1).clamp(0, last)); 4];
    for (i, offset) in [0, 1, 2].into_iter().enumerate() {
        // A row outside repeats the one before it.
        rows[i + 1] = if (0..=last).contains(&(y + offset)) {
            along(y + offset)
        } else {
            rows[i]
        };
    }
    cubic(rows, dy).clamp(0.0, 255.0) as u8
}
