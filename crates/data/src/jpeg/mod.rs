//! JPEG files. libjpeg-turbo decodes what is ordinary where the build has it (feature `libjpeg-turbo`): its pixels are
//! Pillow's. Everything else, and whatever libjpeg-turbo has a warning about, is for zune-jpeg to decode or to refuse.

use crate::decode::{DecodeError, DecodeOptions, check_size};
use crate::exif;
use crate::image::Image;

#[cfg(feature = "libjpeg-turbo")]
mod turbo;
pub mod zune;

/// The library that decodes ordinary JPEG files in this build.
pub const DECODER: &str = if cfg!(feature = "libjpeg-turbo") {
    "libjpeg-turbo"
} else {
    "zune-jpeg"
};

/// Gray or RGB pixels of a JPEG file.
pub fn decode(bytes: &[u8], options: DecodeOptions) -> Result<Image, DecodeError> {
    if !is_whole(bytes) {
        return Err(DecodeError::Truncated);
    }
    let image = pixels(bytes, options.max_pixels)?;
    match exif::of_jpeg(bytes).and_then(exif::orientation) {
        Some(orientation) if options.exif_orientation => Ok(exif::upright(image, orientation)),
        _ => Ok(image),
    }
}

fn pixels(bytes: &[u8], max_pixels: usize) -> Result<Image, DecodeError> {
    #[cfg(feature = "libjpeg-turbo")]
    if let Some(image) = turbo::decode(bytes, max_pixels)? {
        return Ok(image);
    }
    zune::decode(bytes, max_pixels)
}

/// Whether an end-of-image marker follows the pixel data. Decoders fill up what is missing without a word.
fn is_whole(bytes: &[u8]) -> bool {
    bytes.windows(2).rev().any(|pair| pair == [0xff, 0xd9]) && bytes.len() > 4
}
