use std::{fs, path::Path};

use super::{
    Array, Element, array, count_of,
    header::{self, Header},
    object,
};
use crate::error::{Error, Kind, Result};

const MAGIC: &[u8] = b"\x93NUMPY";

/// Reads a `.npy` file, of numbers, texts, or objects that are numbers or texts.
///
/// # Errors
/// Missing, cut short, corrupt or hostile, or of records; every message names the file.
pub fn read_file(path: &Path) -> Result<Array> {
    let bytes = fs::read(path).map_err(|error| Error::io("read", path, &error))?;
    read(&bytes).map_err(|error| error.in_file(path))
}

/// As [`read_file`], of bytes.
///
/// # Errors
/// See [`read_file`].
pub fn read(bytes: &[u8]) -> Result<Array> {
    let (header, end) = header(bytes)?;
    let element = Element::parse(&header.descr)?;
    let body = &bytes[end..];
    match element.size() {
        None => object::read_pickle(body),
        Some(size) => {
            let wanted = count_of(&header.shape)?.checked_mul(size as u64);
            match wanted.and_then(|wanted| usize::try_from(wanted).ok()) {
                Some(wanted) if wanted <= body.len() => {
                    array(element, header.shape, header.fortran, &body[..wanted])
                }
                _ => Err(Error::corrupt(format!(
                    "it is cut short: an array of shape {:?} and type {:?} does not fit {} bytes",
                    header.shape,
                    header.descr,
                    body.len()
                ))),
            }
        }
    }
}

/// The header, and where the elements begin.
pub(super) fn header(bytes: &[u8]) -> Result<(Header, usize)> {
    if !bytes.starts_with(MAGIC) {
        return Err(Error::new(
            Kind::Data,
            "it does not start like a .npy file",
            "save the array with numpy.save",
        ));
    }
    let cut = || Error::corrupt("it is cut short in its header");
    let major = *bytes.get(6).ok_or_else(cut)?;
    let (length, start) = match major {
        1 => {
            let two = bytes
                .get(8..10)
                .and_then(|two| two.try_into().ok())
                .ok_or_else(cut)?;
            (u64::from(u16::from_le_bytes(two)), 10)
        }
        2 | 3 => {
            let four = bytes
                .get(8..12)
                .and_then(|four| four.try_into().ok())
                .ok_or_else(cut)?;
            (u64::from(u32::from_le_bytes(four)), 12)
        }
        other => return Err(Error::corrupt(format!("its version {other} is not known"))),
    };
    let end = usize::try_from(length)
        .ok()
        .and_then(|length| length.checked_add(start))
        .ok_or_else(cut)?;
    let text = bytes.get(start..end).ok_or_else(cut)?;
    let text: String = if major == 3 {
        String::from_utf8_lossy(text).into_owned()
    } else {
        text.iter().map(|&byte| char::from(byte)).collect()
    };
    Ok((header::parse(&text)?, end))
}
