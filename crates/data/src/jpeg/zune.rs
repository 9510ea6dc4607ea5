use std::io::Cursor;

use zune_core::colorspace::ColorSpace;
use zune_core::options::DecoderOptions;
use zune_jpeg::JpegDecoder;

use super::check_size;
use crate::decode::DecodeError;
use crate::image::Image;

/// Gray or RGB pixels as they are stored, not turned upright. Damage is an error.
pub fn decode(bytes: &[u8], max_pixels: usize) -> Result<Image, DecodeError> {
    let corrupt = |error: zune_jpeg::errors::DecodeErrors| match format!("{error:?}") {
        text if text.contains("EOF") || text.contains("end of file") => DecodeError::Truncated,
        text => DecodeError::Corrupt(text.lines().next().unwrap_or_default().to_owned()),
    };
    let settings = DecoderOptions::default()
        .set_strict_mode(true)
        .set_max_width(65_535)
        .set_max_height(65_535);
    let mut decoder = JpegDecoder::new_with_options(Cursor::new(bytes), settings);
    decoder.decode_headers().map_err(corrupt)?;
    let (width, height) = decoder
        .dimensions()
        .ok_or_else(|| DecodeError::Corrupt("no frame header".to_owned()))?;
    check_size(width, height, max_pixels)?;
    let input = decoder.input_colorspace().unwrap_or(ColorSpace::YCbCr);
    let (channels, wanted) = match input {
        ColorSpace::Luma => (1, ColorSpace::Luma),
        _ => (3, ColorSpace::RGB),
    };
    decoder.set_options(settings.jpeg_set_out_colorspace(wanted));
    let data = decoder.decode().map_err(corrupt)?;
    if data.len() != width * height * channels {
        return Err(DecodeError::Corrupt(format!(
            "{} bytes of pixels for {width}x{height}",
            data.len()
        )));
    }
    Ok(Image {
        width,
        height,
        channels,
        data,
    })
}
