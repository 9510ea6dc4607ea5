use std::path::Path;

use crate::{
    atomic,
    error::{Error, Result},
};

/// The bytes of a `.npy` file, version 1.0, as `numpy.save` writes them.
fn file(descr: &str, shape: &[usize], body: &[u8]) -> Result<Vec<u8>> {
    let sizes: String = match shape {
        [one] => format!("{one},"),
        _ => shape
            .iter()
            .map(ToString::to_string)
            .collect::<Vec<_>>()
            .join(", "),
    };
    let mut header =
        format!("{{'descr': '{descr}', 'fortran_order': False, 'shape': ({sizes}), }}");
    // Magic, version, length, header and its line end fill whole lines of 64 bytes.
    let filled = (10 + header.len() + 1).next_multiple_of(64);
    header.extend(std::iter::repeat_n(' ', filled - 11 - header.len()));
    header.push('\n');
    let length = u16::try_from(header.len())
        .map_err(|_| Error::usage("an array of so many dimensions cannot be stored", "use fewer"))?;
    let mut bytes = b"\x93NUMPY\x01\x00".to_vec();
    bytes.extend(length.to_le_bytes());
    bytes.extend(header.bytes());
    bytes.extend(body);
    Ok(bytes)
}

/// Writes texts as `numpy.save(path, numpy.array(texts))` does, atomically: a one-dimensional array of `<U`.
///
/// # Errors
/// The file cannot be written.
pub fn write_texts<S: AsRef<str>>(path: &Path, texts: &[S]) -> Result<()> {
    let width = texts
        .iter()
        .map(|text| text.as_ref().chars().count())
        .max()
        .unwrap_or(0)
        .max(1);
    let mut body = Vec::with_capacity(texts.len() * width * 4);
    for text in texts {
        let end = body.len() + width * 4;
        body.extend(
            text.as_ref()
                .chars()
                .flat_map(|letter| u32::from(letter).to_le_bytes()),
        );
        body.resize(end, 0);
    }
    atomic::write(path, &file(&format!("<U{width}"), &[texts.len()], &body)?)
}

/// Writes whole numbers as `<i4`, or `<i8` where one needs it, atomically.
///
/// # Errors
/// The file cannot be written; `shape` does not fit the number of values.
pub fn write_integers(path: &Path, shape: &[usize], values: &[i64]) -> Result<()> {
    if shape.iter().product::<usize>() != values.len() {
        return Err(Error::usage(
            format!("{} values do not have the shape {shape:?}", values.len()),
            "give a shape that fits",
        ));
    }
    let narrow: Option<Vec<u8>> = values
        .iter()
        .map(|value| i32::try_from(*value).ok().map(i32::to_le_bytes))
        .collect::<Option<Vec<_>>>()
        .map(|values| values.concat());
    let (descr, body) = match narrow {
        Some(body) => ("<i4", body),
        None => (
            "<i8",
            values.iter().flat_map(|value| value.to_le_bytes()).collect(),
        ),
    };
    atomic::write(path, &file(descr, shape, &body)?)
}
