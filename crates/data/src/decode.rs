use std::fmt;
use std::io::Cursor;

use crate::image::Image;
use crate::{exif, jpeg};

/// Why a file gave no image.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum DecodeError {
    /// The bytes are of no image format that is known.
    NotAnImage,
    /// An image format that is known and cannot be decoded.
    Unsupported(&'static str),
    /// The file ends before the image does.
    Truncated,
    Corrupt(String),
    /// More pixels than the limit.
    TooLarge {
        width: usize,
        height: usize,
        limit: usize,
    },
    /// The file could not be read.
    Unreadable(String),
}

impl fmt::Display for DecodeError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            DecodeError::NotAnImage => f.write_str("not an image"),
            DecodeError::Unsupported(format) => write!(f, "{format} images cannot be decoded"),
            DecodeError::Truncated => f.write_str("truncated"),
            DecodeError::Corrupt(why) => write!(f, "corrupt: {why}"),
            DecodeError::TooLarge { width, height, limit } => {
                write!(
                    f,
                    "too large: {width}x{height} is over the limit of {limit} pixels"
                )
            }
            DecodeError::Unreadable(why) => write!(f, "unreadable: {why}"),
        }
    }
}

#[derive(Debug, Clone, Copy)]
pub struct DecodeOptions {
    /// Images with more pixels than this are refused before any memory is taken for them.
    pub max_pixels: usize,
    /// Whether photos are turned upright by their EXIF orientation.
    pub exif_orientation: bool,
}

impl Default for DecodeOptions {
    fn default() -> Self {
        DecodeOptions {
            max_pixels: 178_956_970,
            exif_orientation: true,
        }
    }
}

/// Decodes a JPEG (baseline, progressive, gray, CMYK; not 12-bit), PNG, BMP, GIF (its first frame), TIFF, WebP or
/// PNM file to gray or RGB: 16 bits are cut to 8, alpha is dropped. The format is told by the content, not by a name.
pub fn decode(bytes: &[u8], options: DecodeOptions) -> Result<Image, DecodeError> {
    match bytes {
        [] => Err(DecodeError::Truncated),
        [0xff, 0xd8, ..] => jpeg::decode(bytes, options),
        [0x89, b'P', b'N', b'G', ..] => decode_png(bytes, options),
        _ => match image::guess_format(bytes) {
            Ok(format) => decode_other(bytes, format, options),
            Err(_) => Err(DecodeError::NotAnImage),
        },
    }
}

pub(crate) fn check_size(width: usize, height: usize, limit: usize) -> Result<(), DecodeError> {
    if width == 0 || height == 0 {
        return Err(DecodeError::Corrupt(format!("its size is {width}x{height}")));
    }
    match width.checked_mul(height) {
        Some(pixels) if pixels <= limit => Ok(()),
        _ => Err(DecodeError::TooLarge { width, height, limit }),
    }
}

fn decode_png(bytes: &[u8], options: DecodeOptions) -> Result<Image, DecodeError> {
    let corrupt = |error: png::DecodingError| match error {
        png::DecodingError::IoError(error) if error.kind() == std::io::ErrorKind::UnexpectedEof => {
            DecodeError::Truncated
        }
        error => DecodeError::Corrupt(error.to_string()),
    };
    let limits = png::Limits {
        bytes: options.max_pixels.saturating_mul(8).saturating_add(1 << 20),
    };
    let mut decoder = png::Decoder::new_with_limits(Cursor::new(bytes), limits);
    decoder.set_transformations(png::Transformations::EXPAND | png::Transformations::STRIP_16);
    let info = decoder.read_header_info().map_err(corrupt)?;
    let (width, height) = (info.width as usize, info.height as usize);
    check_size(width, height, options.max_pixels)?;
    let mut reader = decoder.read_info().map_err(corrupt)?;
    let size = reader
        .output_buffer_size()
        .ok_or_else(|| DecodeError::Corrupt("its size overflows".to_owned()))?;
    let mut data = vec![0; size];
    let frame = reader.next_frame(&mut data).map_err(corrupt)?;
    data.truncate(frame.buffer_size());
    let kept = |data: &[u8], samples: usize, keep: usize| {
        data.chunks_exact(samples)
            .flat_map(|pixel| pixel[..keep].iter().copied())
            .collect()
    };
    let (channels, data) = match frame.color_type {
        png::ColorType::Grayscale => (1, data),
        png::ColorType::GrayscaleAlpha => (1, kept(&data, 2, 1)),
        png::ColorType::Rgb => (3, data),
        png::ColorType::Rgba => (3, kept(&data, 4, 3)),
        png::ColorType::Indexed => return Err(DecodeError::Corrupt("its palette is missing".to_owned())),
    };
    let image = Image {
        width,
        height,
        channels,
        data,
    };
    let orientation = reader.info().exif_metadata.as_deref().and_then(exif::orientation);
    match orientation {
        Some(orientation) if options.exif_orientation => Ok(exif::upright(image, orientation)),
        _ => Ok(image),
    }
}

/// Formats beside JPEG and PNG.
fn decode_other(
    bytes: &[u8],
    format: image::ImageFormat,
    options: DecodeOptions,
) -> Result<Image, DecodeError> {
    use image::{DynamicImage, ImageDecoder, ImageError, ImageReader};
    let failed = |error: ImageError| match error {
        ImageError::IoError(error) if error.kind() == std::io::ErrorKind::UnexpectedEof => {
            DecodeError::Truncated
        }
        ImageError::Unsupported(error) => DecodeError::Corrupt(error.to_string()),
        error => DecodeError::Corrupt(error.to_string()),
    };
    let known = ["bmp", "gif", "tiff", "webp", "pnm"];
    let name = format!("{format:?}").to_lowercase();
    if !known.contains(&name.as_str()) {
        return Err(DecodeError::Unsupported(match format {
            image::ImageFormat::Avif => "AVIF",
            image::ImageFormat::Hdr => "HDR",
            _ => "such",
        }));
    }
    let mut reader = ImageReader::with_format(Cursor::new(bytes), format);
    let mut limits = image::Limits::default();
    limits.max_alloc = Some(
        (options.max_pixels as u64)
            .saturating_mul(16)
            .saturating_add(1 << 20),
    );
    reader.limits(limits);
    let mut decoder = reader.into_decoder().map_err(failed)?;
    let (width, height) = decoder.dimensions();
    check_size(width as usize, height as usize, options.max_pixels)?;
    let orientation = decoder.exif_metadata().ok().flatten();
    let orientation = orientation.as_deref().and_then(exif::orientation);
    let picture = DynamicImage::from_decoder(decoder).map_err(failed)?;
    let is_gray = matches!(
        picture,
        DynamicImage::ImageLuma8(_)
            | DynamicImage::ImageLuma16(_)
            | DynamicImage::ImageLumaA8(_)
            | DynamicImage::ImageLumaA16(_)
    );
    // The high byte is kept, as of 16-bit PNG files.
    let cut = |values: &[u16], samples: usize, keep: usize| -> Vec<u8> {
        let pixels = values.chunks_exact(samples);
        pixels
            .flat_map(|pixel| pixel[..keep].iter().map(|value| (value >> 8) as u8))
            .collect()
    };
    let data = match &picture {
        DynamicImage::ImageLuma16(image) => cut(image, 1, 1),
        DynamicImage::ImageLumaA16(image) => cut(image, 2, 1),
        DynamicImage::ImageRgb16(image) => cut(image, 3, 3),
        DynamicImage::ImageRgba16(image) => cut(image, 4, 3),
        _ if is_gray => picture.to_luma8().into_raw(),
        _ => picture.to_rgb8().into_raw(),
    };
    let image = Image {
        width: width as usize,
        height: height as usize,
        channels: if is_gray { 1 } else { 3 },
        data,
    };
    match orientation {
        Some(orientation) if options.exif_orientation => Ok(exif::upright(image, orientation)),
        _ => Ok(image),
    }
}
