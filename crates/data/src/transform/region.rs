use super::resample::Region;
use crate::rng::Rng;

/// A region of `scale` of the area and an aspect ratio within `ratio`; after ten failures the central region with
/// the nearest allowed ratio.
pub fn random_region(
    width: usize,
    height: usize,
    scale: (f64, f64),
    ratio: (f64, f64),
    rng: &mut Rng,
) -> Region {
    let area = (width * height) as f64;
    let (low, high) = (ratio.0.ln(), ratio.1.ln());
    for _ in 0..10 {
        let target = area * rng.uniform(scale.0, scale.1);
        let aspect = rng.uniform(low, high).exp();
        let w = (target * aspect).sqrt().round_ties_even() as usize;
        let h = (target / aspect).sqrt().round_ties_even() as usize;
        if (1..=width).contains(&w) && (1..=height).contains(&h) {
            let top = rng.below(height - h + 1);
            let left = rng.below(width - w + 1);
            return Region {
                left,
                top,
                width: w,
                height: h,
            };
        }
    }
    let aspect = width as f64 / height as f64;
    let (w, h) = if aspect < ratio.0 {
        (width, (width as f64 / ratio.0).round_ties_even() as usize)
    } else if aspect > ratio.1 {
        ((height as f64 * ratio.1).round_ties_even() as usize, height)
    } else {
        (width, height)
    };
    let (w, h) = (w.clamp(1, width), h.clamp(1, height));
    Region {
        left: (width - w) / 2,
        top: (height - h) / 2,
        width: w,
        height: h,
    }
}

/// A region to erase: up to ten tries for one that is smaller than the image; `None` when none fits.
pub fn random_erasure(
    width: usize,
    height: usize,
    scale: (f64, f64),
    ratio: (f64, f64),
    rng: &mut Rng,
) -> Option<Region> {
    let area = (width * height) as f64;
    let (low, high) = (ratio.0.ln(), ratio.1.ln());
    (0..10).find_map(|_| {
        let target = area * rng.uniform(scale.0, scale.1);
        let aspect = rng.uniform(low, high).exp();
        let h = (target * aspect).sqrt().round_ties_even() as usize;
        let w = (target / aspect).sqrt().round_ties_even() as usize;
        (h < height && w < width && h > 0 && w > 0).then(|| Region {
            top: rng.below(height - h + 1),
            left: rng.below(width - w + 1),
            width: w,
            height: h,
        })
    })
}
