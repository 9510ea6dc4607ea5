use serde::Deserialize;

use super::{Raw, Source};
use crate::decode::DecodeError;
use crate::error::{DataError, Result};
use crate::image::Image;
use crate::rng::{Place, Rng};
use crate::transform::blur::gaussian_blur;
use crate::transform::params::Filter;
use crate::transform::resample::{Region, resize};

#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SyntheticOptions {
    /// Side of the images in pixels.
    pub size: usize,
    pub count: usize,
    /// Blurred noise that differs from image to image, rather than gray.
    #[serde(default)]
    pub random: bool,
}

/// Gray images of one value (128), which measure everything but the data, or blurred coloured noise.
pub struct Synthetic {
    size: usize,
    count: usize,
    random: bool,
}

impl Synthetic {
    pub fn new(options: &SyntheticOptions) -> Result<Self> {
        if options.size == 0 || options.size > 16_384 || options.count == 0 {
            return Err(DataError::usage(format!(
                "synthetic: {} images of side {}",
                options.count, options.size
            ))
            .fix("count is at least 1, size from 1 to 16384"));
        }
        Ok(Synthetic {
            size: options.size,
            count: options.count,
            random: options.random,
        })
    }
}

impl Source for Synthetic {
    fn len(&self) -> usize {
        self.count
    }

    fn label(&self, _index: usize) -> Option<i64> {
        None
    }

    fn name(&self, index: usize) -> String {
        format!("synthetic[{index}]")
    }

    fn load(&self, index: usize) -> std::result::Result<Raw, DecodeError> {
        if !self.random {
            return Ok(Raw::Decoded(Image::filled(self.size, self.size, 3, 128)));
        }
        let mut rng = Rng::at(Place {
            sample: index as u64,
            ..Place::default()
        });
        let side = (self.size / 16).max(1);
        let radius = side / 2 + rng.below((2 * side).saturating_sub(side / 2).max(1));
        let mut stream = Rng::with_seed(index as u64);
        let noise = Image {
            width: side,
            height: side,
            channels: 3,
            data: (0..side * side * 3).map(|_| stream.below(256) as u8).collect(),
        };
        let mut image = resize(
            &noise,
            Region::whole(&noise),
            self.size,
            self.size,
            Filter::Bicubic,
        );
        gaussian_blur(&mut image, radius as f64);
        Ok(Raw::Decoded(image))
    }
}
