//! 8-bit CIE L*a*b* (D65) in the fixed-point arithmetic that OpenCV uses for it.

use std::sync::LazyLock;

use crate::image::Image;

/// Fraction bits of the linear values, of the matrix, and of both together.
const GAMMA_SHIFT: u32 = 3;
const XYZ_SHIFT: u32 = 12;
const LAB_SHIFT: u32 = XYZ_SHIFT + GAMMA_SHIFT;

/// sRGB to XYZ and the white point (D65).
const XYZ: [[f64; 3]; 3] = [
    [0.412453, 0.357580, 0.180423],
    [0.212671, 0.715160, 0.072169],
    [0.019334, 0.119193, 0.950227],
];
const WHITE: [f64; 3] = [0.950456, 1.0, 1.088754];

struct TablesOf8Bits {
    linear: [i32; 256],
    root: Vec<i32>,
    matrix: [[i32; 3]; 3],
}

static TABLES: LazyLock<TablesOf8Bits> = LazyLock::new(|| {
    let scale = f64::from(255 << GAMMA_SHIFT);
    let linear = std::array::from_fn(|value| {
        let x = value as f64 / 255.0;
        let linear = if x <= 0.04045 {
            x / 12.92
        } else {
            ((x + 0.055) / 1.055).powf(2.4)
        };
        (scale * linear).round_ties_even() as i32
    });
    let root = (0..(256 * 3 / 2) << GAMMA_SHIFT)
        .map(|i| {
            let x = f64::from(i) / scale;
            let root = if x < 0.008856 {
                x * 7.787 + 16.0 / 116.0
            } else {
                x.cbrt()
            };
            (f64::from(1 << LAB_SHIFT) * root).round_ties_even() as i32
        })
        .collect();
    let matrix = std::array::from_fn(|row| {
        std::array::from_fn(|column| {
            (f64::from(1 << XYZ_SHIFT) * XYZ[row][column] / WHITE[row]).round_ties_even() as i32
        })
    });
    TablesOf8Bits { linear, root, matrix }
});

fn descale(value: i32, bits: u32) -> i32 {
    (value + (1 << (bits - 1))) >> bits
}

/// RGB to L·255/100, a + 128, b + 128, each rounded to 8 bits. A gray image counts as RGB of equal channels.
pub fn to_lab(image: &Image) -> Image {
    let tables = &*TABLES;
    let l_scale = (116 * 255 + 50) / 100;
    let l_shift = -((16 * 255 * (1 << LAB_SHIFT) + 50) / 100);
    let mut data = Vec::with_capacity(image.width * image.height * 3);
    for pixel in image.data.chunks_exact(image.channels) {
        let linear: [i32; 3] =
            std::array::from_fn(|c| tables.linear[usize::from(pixel[c.min(image.channels - 1)])]);
        let [x, y, z] = tables.matrix.map(|row| {
            let sum = row[0] * linear[0] + row[1] * linear[1] + row[2] * linear[2];
            tables.root[(descale(sum, XYZ_SHIFT) as usize).min(tables.root.len() - 1)]
        });
        let middle = 128 << LAB_SHIFT;
        let lab = [
            descale(l_scale * y + l_shift, LAB_SHIFT),
            descale(500 * (x - y) + middle, LAB_SHIFT),
            descale(200 * (y - z) + middle, LAB_SHIFT),
        ];
        data.extend(lab.map(|value| value.clamp(0, 255) as u8));
    }
    Image {
        width: image.width,
        height: image.height,
        channels: 3,
        data,
    }
}
