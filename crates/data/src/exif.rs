use crate::image::Image;

/// The orientation (1..8) that a TIFF-structured EXIF block asks for; `None` when it has none or is damaged.
/// A leading `Exif\0\0` is accepted.
pub fn orientation(block: &[u8]) -> Option<u8> {
    let tiff = block.strip_prefix(b"Exif\0\0").unwrap_or(block);
    let little = match tiff.get(..4)? {
        [b'I', b'I', 42, 0] => true,
        [b'M', b'M', 0, 42] => false,
        _ => return None,
    };
    let short = |at: usize| {
        let bytes: [u8; 2] = tiff.get(at..at.checked_add(2)?)?.try_into().ok()?;
        Some(if little {
            u16::from_le_bytes(bytes)
        } else {
            u16::from_be_bytes(bytes)
        })
    };
    let long = |at: usize| {
        let bytes: [u8; 4] = tiff.get(at..at.checked_add(4)?)?.try_into().ok()?;
        Some(if little {
            u32::from_le_bytes(bytes)
        } else {
            u32::from_be_bytes(bytes)
        } as usize)
    };
    let directory = long(4)?;
    for entry in 0..usize::from(short(directory)?) {
        let at = directory + 2 + entry * 12;
        if short(at)? == 0x0112 {
            return u8::try_from(short(at + 8)?)
                .ok()
                .filter(|value| (1..=8).contains(value));
        }
    }
    None
}

/// The EXIF block of a JPEG file; `None` when it has none before its pixels.
pub fn of_jpeg(bytes: &[u8]) -> Option<&[u8]> {
    let mut rest = bytes.strip_prefix(&[0xff, 0xd8])?;
    loop {
        let [0xff, marker, tail @ ..] = rest else {
            return None;
        };
        match marker {
            // A fill byte, and markers without a segment.
            0xff => rest = &rest[1..],
            0x01 | 0xd0..=0xd7 => rest = tail,
            0xd9 | 0xda => return None,
            _ => {
                let length = usize::from(u16::from_be_bytes([*tail.first()?, *tail.get(1)?]));
                let segment = tail.get(2..length)?;
                if *marker == 0xe1 && segment.starts_with(b"Exif\0\0") {
                    return Some(segment);
                }
                rest = &tail[length..];
            }
        }
    }
}

/// Turns an image upright that was stored with EXIF orientation `orientation`.
pub fn upright(image: Image, orientation: u8) -> Image {
    let (w, h, c) = (image.width, image.height, image.channels);
    if !(2..=8).contains(&orientation) || w == 0 || h == 0 {
        return image;
    }
    let swapped = orientation >= 5;
    let (width, height) = if swapped { (h, w) } else { (w, h) };
    let mut data = Vec::with_capacity(image.data.len());
    for y in 0..height {
        for x in 0..width {
            let (sx, sy) = match orientation {
                2 => (w - 1 - x, y),
                3 => (w - 1 - x, h - 1 - y),
                4 => (x, h - 1 - y),
                5 => (y, x),
                6 => (y, h - 1 - x),
                7 => (w - 1 - y, h - 1 - x),
                _ => (w - 1 - y, x),
            };
            let at = (sy * w + sx) * c;
            data.extend_from_slice(&image.data[at..at + c]);
        }
    }
    Image {
        width,
        height,
        channels: c,
        data,
    }
}
