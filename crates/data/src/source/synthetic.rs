use serde::Deserialize;

use super::Source;
use crate::decode::DecodeError;
use crate::error::{DataError, Result};
use crate::image::Image;

#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SyntheticOptions {
    /// Side of the images in pixels.
    pub size: usize,
    pub count: usize,
}

/// Gray images of one value (128): measures everything but the data.
pub struct Synthetic {
    size: usize,
    count: usize,
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

    fn fixed_size(&self) -> Option<(usize, usize)> {
        Some((self.size, self.size))
    }

    fn load(&self, _index: usize) -> std::result::Result<Image, DecodeError> {
        Ok(Image::filled(self.size, self.size, 3, 128))
    }
}
