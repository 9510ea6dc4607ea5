use crate::image::Image;

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
    let bytes = image.row_bytes();
    let mut target = vec![0u8; image.data.len()];
    let mut padded = Vec::new();
    for _ in 0..PASSES {
        for (from, to) in image.data.chunks_exact(bytes).zip(target.chunks_exact_mut(bytes)) {
            match image.channels {
                1 => row::<1>(from, to, &kernel, &mut padded),
                _ => row::<3>(from, to, &kernel, &mut padded),
            }
        }
        std::mem::swap(&mut image.data, &mut target);
    }
    for _ in 0..PASSES {
        lines(&image.data, &mut target, image.height, bytes, &kernel);
        std::mem::swap(&mut image.data, &mut target);
    }
}

/// One box blur along a row of pixels. `padded` is scratch memory.
fn row<const C: usize>(from: &[u8], to: &mut [u8], kernel: &Box24, padded: &mut Vec<u8>) {
    let border = kernel.reach + 1;
    padded.clear();
    (0..border).for_each(|_| padded.extend_from_slice(&from[..C]));
    padded.extend_from_slice(from);
    (0..border).for_each(|_| padded.extend_from_slice(&from[from.len() - C..]));
    let mut sums = [0u32; C];
    for pixel in padded[..(2 * kernel.reach + 1) * C].chunks_exact(C) {
        sums.iter_mut()
            .zip(pixel)
            .for_each(|(sum, value)| *sum += u32::from(*value));
    }
    let leaving = padded.chunks_exact(C);
    let entering = padded[(2 * kernel.reach + 1) * C..].chunks_exact(C);
    let after = padded[(2 * kernel.reach + 2) * C..].chunks_exact(C);
    for (((out, leaving), entering), after) in to.chunks_exact_mut(C).zip(leaving).zip(entering).zip(after) {
        for lane in 0..C {
            sums[lane] = sums[lane] + u32::from(entering[lane]) - u32::from(leaving[lane]);
            let ends = u32::from(leaving[lane]) + u32::from(after[lane]);
            out[lane] = ((sums[lane] * kernel.inner + ends * kernel.outer + (1 << 23)) >> 24) as u8;
        }
    }
}

/// One box blur over `count` positions, each of which holds `lanes` values that do not mix.
fn lines(from: &[u8], to: &mut [u8], count: usize, lanes: usize, kernel: &Box24) {
    let at = |position: isize| {
        let position = position.clamp(0, count as isize - 1) as usize;
        &from[position * lanes..(position + 1) * lanes]
    };
    let reach = kernel.reach as isize;
    let mut sums = vec![0u32; lanes];
    for position in -reach - 1..reach {
        sums.iter_mut()
            .zip(at(position))
            .for_each(|(sum, value)| *sum += u32::from(*value));
    }
    for position in 0..count as isize {
        let leaving = at(position - reach - 1);
        let entering = at(position + reach);
        let after = at(position + reach + 1);
        let out = &mut to[position as usize * lanes..(position as usize + 1) * lanes];
        for lane in 0..lanes {
            let sum = sums[lane] + u32::from(entering[lane]) - u32::from(leaving[lane]);
            sums[lane] = sum;
            let ends = u32::from(leaving[lane]) + u32::from(after[lane]);
            out[lane] = ((sum * kernel.inner + ends * kernel.outer + (1 << 23)) >> 24) as u8;
        }
    }
}
