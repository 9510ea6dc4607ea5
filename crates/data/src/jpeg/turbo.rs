use turbojpeg::{Colorspace, Decompressor, PixelFormat};

use super::check_size;
use crate::decode::DecodeError;
use crate::image::Image;

/// The pixels of a gray, YCbCr or RGB file that decodes without a warning; `None` for any other.
pub fn decode(bytes: &[u8], max_pixels: usize) -> Result<Option<Image>, DecodeError> {
    let Ok(mut decoder) = Decompressor::new() else {
        return Ok(None);
    };
    let Ok(header) = decoder.read_header(bytes) else {
        return Ok(None);
    };
    let (channels, format) = match header.colorspace {
        Colorspace::Gray => (1, PixelFormat::GRAY),
        Colorspace::YCbCr | Colorspace::RGB => (3, PixelFormat::RGB),
        Colorspace::CMYK | Colorspace::YCCK => return Ok(None),
    };
    let (width, height) = (header.width, header.height);
    check_size(width, height, max_pixels)?;
    if header.is_lossless || header.is_arithmetic {
        return Ok(None);
    }
    let mut data = vec![0; width * height * channels];
    let target = turbojpeg::Image {
        pixels: data.as_mut_slice(),
        width,
        pitch: width * channels,
        height,
        format,
    };
    // Warnings are errors here.
    Ok(decoder.decompress(bytes, target).is_ok().then_some(Image {
        width,
        height,
        channels,
        data,
    }))
}
