use crate::image::Image;
use crate::simd::{Kernel, simd};

/// Three box blurs an axis approximate a Gaussian (Gwosdek et al. 2011, "Theoretical foundations of Gaussian
/// convolution by extended box filtering").
const PASSES: usize = 3;

/// A box of `2 · reach + 1` whole pixels and a fraction of one more at each end, in 24-bit fixed point.
struct Box24 {
    reach: usize,
    inner: u32,
    outer: u32,
}

fn box_for(sigma: f32) -> Box24 {
    let variance = sigma * sigma / PASSES as f32;
    let length = (12.0 * f64::from(variance) + 1.0).sqrt() as f32;
    let whole = ((f64::from(length) - 1.0) / 2.0).floor() as f32;
    let mut fraction = (2.0 * whole + 1.0) * (whole * (whole + 1.0) - 3.0 * variance);
    fraction /= 6.0 * (variance - (whole + 1.0) * (whole + 1.0));
    let radius = whole + fraction;
    let reach = radius as usize;
    let inner = ((1u32 << 24) as f32 / (radius * 2.0 + 1.0)) as u32;
    let outer = ((1u32 << 24) - (reach as u32 * 2 + 1) * inner) / 2;
    Box24 { reach, inner, outer }
}

/// Blurs with standard deviation `sigma` in pixels, as Pillow's `GaussianBlur(sigma)` does: edge pixels are
/// repeated outwards, values are rounded to 8 bits after every pass, rows come before columns.
pub fn gaussian_blur(image: &mut Image, sigma: f64) {
    if sigma <= 0.0 || image.data.is_empty() {
        return;
    }
    let kernel = box_for(sigma as f32);
    let (width, height, channels) = (image.width, image.height, image.channels);
    let mut target = vec![0u8; image.data.len()];
    // Columns are blurred many at a time, so rows are turned into columns and back.
    turn(&image.data, &mut target, (width, height), channels);
    for _ in 0..PASSES {
        pass(&target, &mut image.data, (width, height * channels), &kernel);
        std::mem::swap(&mut image.data, &mut target);
    }
    turn(&target, &mut image.data, (height, width), channels);
    for _ in 0..PASSES {
        pass(&image.data, &mut target, (height, width * channels), &kernel);
        std::mem::swap(&mut image.data, &mut target);
    }
}

fn turn(from: &[u8], to: &mut [u8], size: (usize, usize), channels: usize) {
    simd(Turn {
        from,
        to,
        size,
        channels,
    });
}

fn pass(from: &[u8], to: &mut [u8], shape: (usize, usize), kernel: &Box24) {
    simd(Pass {
        from,
        to,
        shape,
        kernel,
    });
}

struct Turn<'a> {
    from: &'a [u8],
    to: &'a mut [u8],
    size: (usize, usize),
    channels: usize,
}

impl Kernel for Turn<'_> {
    type Out = ();

    #[inline(always)]
    fn run(self) {
        transpose(self.from, self.to, self.size.0, self.size.1, self.channels);
    }
}

struct Pass<'a> {
    from: &'a [u8],
    to: &'a mut [u8],
    /// Positions, and lanes of each.
    shape: (usize, usize),
    kernel: &'a Box24,
}

impl Kernel for Pass<'_> {
    type Out = ();

    #[inline(always)]
    fn run(self) {
        lines(self.from, self.to, self.shape.0, self.shape.1, self.kernel);
    }
}

/// Pixels of one side of the squares that are transposed at a time, so that both sides stay in the first cache.
const TILE: usize = 16;

/// Writes pixel (x, y) of a width×height image at (y, x).
#[inline(always)]
fn transpose(from: &[u8], to: &mut [u8], width: usize, height: usize, channels: usize) {
    match channels {
        1 => transpose_pixels::<1>(from, to, width, height),
        _ => transpose_pixels::<3>(from, to, width, height),
    }
}

#[inline(always)]
fn transpose_pixels<const C: usize>(from: &[u8], to: &mut [u8], width: usize, height: usize) {
    for top in (0..height).step_by(TILE) {
        for left in (0..width).step_by(TILE) {
            for x in left..(left + TILE).min(width) {
                let bottom = (top + TILE).min(height);
                let line = &mut to[(x * height + top) * C..(x * height + bottom) * C];
                for (y, pixel) in (top..bottom).zip(line.chunks_exact_mut(C)) {
                    pixel.copy_from_slice(&from[(y * width + x) * C..(y * width + x) * C + C]);
                }
            }
        }
    }
}

/// Lanes whose sums stay in registers.
const LANES: usize = 32;

/// One box blur over `count` positions, each of which holds `lanes` values that do not mix.
#[inline(always)]
fn lines(from: &[u8], to: &mut [u8], count: usize, lanes: usize, kernel: &Box24) {
    let mut at = 0;
    while at + LANES <= lanes {
        some_lines::<LANES>(from, to, (count, lanes), at, kernel);
        at += LANES;
    }
    while at < lanes {
        some_lines::<1>(from, to, (count, lanes), at, kernel);
        at += 1;
    }
}

/// `N` values at a position; the first and the last position are repeated outwards.
#[inline(always)]
fn values_at<const N: usize>(
    from: &[u8],
    position: isize,
    (count, lanes): (usize, usize),
    first: usize,
) -> &[u8] {
    let start = position.clamp(0, count as isize - 1) as usize * lanes + first;
    &from[start..start + N]
}

/// The lanes `first..first + N` of [`lines`].
#[inline(always)]
fn some_lines<const N: usize>(
    from: &[u8],
    to: &mut [u8],
    (count, lanes): (usize, usize),
    first: usize,
    kernel: &Box24,
) {
    let reach = kernel.reach as isize;
    let mut sums = [0u32; N];
    for position in -reach - 1..reach {
        for (sum, value) in sums
            .iter_mut()
            .zip(values_at::<N>(from, position, (count, lanes), first))
        {
            *sum += u32::from(*value);
        }
    }
    for position in 0..count as isize {
        let leaving = values_at::<N>(from, position - reach - 1, (count, lanes), first);
        let entering = values_at::<N>(from, position + reach, (count, lanes), first);
        let after = values_at::<N>(from, position + reach + 1, (count, lanes), first);
        let start = position as usize * lanes + first;
        let out = &mut to[start..start + N];
        for lane in 0..N {
            let sum = sums[lane] + u32::from(entering[lane]) - u32::from(leaving[lane]);
            sums[lane] = sum;
            let ends = u32::from(leaving[lane]) + u32::from(after[lane]);
            out[lane] = ((sum * kernel.inner + ends * kernel.outer + (1 << 23)) >> 24) as u8;
        }
    }
}

/// Blurs with a Gaussian of standard deviation `sigma` cut to `kernel` (width, height), borders mirrored, as
/// torchvision's `GaussianBlur` does; float32, rounded once to 8 bits.
pub fn kernel_blur(image: &mut Image, kernel: (usize, usize), sigma: f64) {
    let weights = |size: usize| -> Vec<f32> {
        let half = (size - 1) as f64 * 0.5;
        let raw: Vec<f64> = (0..size)
            .map(|i| (-0.5 * ((i as f64 - half) / sigma).powi(2)).exp())
            .collect();
        let sum: f64 = raw.iter().sum();
        raw.iter().map(|weight| (weight / sum) as f32).collect()
    };
    let mirrored = |at: isize, size: usize| -> usize {
        let last = size as isize - 1;
        let mut at = at.unsigned_abs() as isize;
        if last == 0 {
            return 0;
        }
        at %= 2 * last;
        (if at > last { 2 * last - at } else { at }) as usize
    };
    let (w, h, channels) = (image.width, image.height, image.channels);
    let (across, along) = (weights(kernel.0), weights(kernel.1));
    let mut rows = vec![0f32; image.data.len()];
    for y in 0..h {
        for x in 0..w {
            for (i, weight) in across.iter().enumerate() {
                let sx = mirrored(x as isize + i as isize - (kernel.0 / 2) as isize, w);
                for c in 0..channels {
                    rows[(y * w + x) * channels + c] +=
                        weight * f32::from(image.data[(y * w + sx) * channels + c]);
                }
            }
        }
    }
    let bytes = w * channels;
    let mut sums = vec![0f32; bytes];
    for y in 0..h {
        sums.fill(0.0);
        for (i, weight) in along.iter().enumerate() {
            let sy = mirrored(y as isize + i as isize - (kernel.1 / 2) as isize, h);
            for (sum, value) in sums.iter_mut().zip(&rows[sy * bytes..(sy + 1) * bytes]) {
                *sum += weight * value;
            }
        }
        for (value, sum) in image.data[y * bytes..(y + 1) * bytes].iter_mut().zip(&sums) {
            *value = sum.round_ties_even().clamp(0.0, 255.0) as u8;
        }
    }
}
