//! NumPy arrays in `.npy` files and in pickles, read without executing anything.

use std::fmt::Display;
use std::fs;
use std::path::Path;

use vissl_checkpoint::pickle;

use crate::npy_object;

/// Files larger than this many bytes are refused.
const MAX_BYTES: u64 = 16 << 30;

#[derive(Debug, Clone, PartialEq)]
pub enum Values {
    Ints(Vec<i64>),
    Floats(Vec<f64>),
    Texts(Vec<String>),
    Objects(Vec<Object>),
}

/// An element of an array of Python objects.
#[derive(Debug, Clone, PartialEq)]
pub enum Object {
    None,
    Int(i64),
    Float(f64),
    Text(String),
    List(Vec<Object>),
    Other,
}

#[derive(Debug, Clone, PartialEq)]
pub struct Array {
    pub shape: Vec<usize>,
    pub values: Values,
}

/// Reads a `.npy`, `.pkl` or `.pickle` file.
///
/// # Errors
/// The file is missing, truncated, larger than its header says, or of another kind; the text names it.
pub fn read(path: &Path) -> Result<Array, String> {
    let named = |what: &dyn Display| format!("{}: {what}", path.display());
    let size = fs::metadata(path).map_err(|error| named(&error))?.len();
    if size > MAX_BYTES {
        return Err(named(&format!(
            "its {size} bytes are over the limit of {MAX_BYTES}"
        )));
    }
    let bytes = fs::read(path).map_err(|error| named(&error))?;
    let extension = path
        .extension()
        .unwrap_or_default()
        .to_string_lossy()
        .to_lowercase();
    let array = match extension.as_str() {
        "npy" => parse(&bytes),
        "pkl" | "pickle" => from_pickle(&bytes),
        "json" => npy_object::from_json(&bytes),
        other => Err(format!(
            "files named .{other} are not read; use .npy, .pkl or .json"
        )),
    };
    array.map_err(|error| named(&error))
}

/// The whole numbers of an array file.
///
/// # Errors
/// See [`read`]; or the array holds something else.
pub fn integers(path: &Path) -> Result<(Vec<usize>, Vec<i64>), String> {
    let Array { shape, values } = read(path)?;
    match values {
        Values::Ints(values) => Ok((shape, values)),
        Values::Floats(values) if values.iter().all(|value| value.fract() == 0.0) => {
            Ok((shape, values.into_iter().map(|value| value as i64).collect()))
        }
        _ => Err(format!("{}: holds no whole numbers", path.display())),
    }
}

fn from_pickle(bytes: &[u8]) -> Result<Array, String> {
    let tree = pickle::decode(bytes, limits(bytes)).map_err(|error| error.to_string())?;
    npy_object::array(&tree, &tree.root)
}

/// No more values than the bytes can stand for.
fn limits(bytes: &[u8]) -> pickle::Limits {
    pickle::Limits {
        values: (bytes.len() * 2).max(1024),
        ..pickle::Limits::default()
    }
}

/// Parses the bytes of a `.npy` file.
///
/// # Errors
/// The bytes are no such file; the text says why.
pub fn parse(bytes: &[u8]) -> Result<Array, String> {
    let rest = bytes.strip_prefix(b"\x93NUMPY").ok_or("is no .npy file")?;
    let (wide, rest) = match rest {
        [1, _, rest @ ..] => (false, rest),
        [2 | 3, _, rest @ ..] => (true, rest),
        _ => return Err("is a .npy file of an unknown version".to_owned()),
    };
    let (length, rest) = match (wide, rest) {
        (false, [a, b, rest @ ..]) => (usize::from(u16::from_le_bytes([*a, *b])), rest),
        (true, [a, b, c, d, rest @ ..]) => (u32::from_le_bytes([*a, *b, *c, *d]) as usize, rest),
        _ => return Err("truncated in its header".to_owned()),
    };
    let header = rest.get(..length).ok_or("truncated in its header")?;
    let header = std::str::from_utf8(header).map_err(|_| "its header is no text")?;
    let data = &rest[length..];
    let field = |key: &str| -> Result<&str, String> {
        let at = header
            .find(&format!("'{key}'"))
            .ok_or_else(|| format!("its header has no {key}"))?;
        let value = &header[at + key.len() + 2..];
        Ok(value.trim_start().trim_start_matches(':').trim_start())
    };
    let shape = parse_shape(field("shape")?)?;
    let count = shape
        .iter()
        .try_fold(1usize, |product, size| product.checked_mul(*size))
        .ok_or("its shape is too large")?;
    let descr = field("descr")?;
    let descr = descr
        .strip_prefix('\'')
        .and_then(|rest| rest.split('\'').next())
        .ok_or("holds records, which are not read")?;
    if field("fortran_order")?.starts_with("True") && shape.len() > 1 && count > 0 {
        return Err("is stored column by column; save it with numpy.ascontiguousarray".to_owned());
    }
    if descr.ends_with('O') {
        let tree = pickle::decode(data, limits(data)).map_err(|error| error.to_string())?;
        let values = match npy_object::array(&tree, &tree.root)?.values {
            Values::Objects(values) if values.len() != count => {
                return Err(format!("holds {} objects for shape {shape:?}", values.len()));
            }
            values => values,
        };
        return Ok(Array { shape, values });
    }
    Ok(Array {
        values: from_bytes(descr, count, data)?,
        shape,
    })
}

fn parse_shape(text: &str) -> Result<Vec<usize>, String> {
    let inner = text
        .strip_prefix('(')
        .and_then(|rest| rest.split(')').next())
        .ok_or("its shape is no tuple")?;
    inner
        .split(',')
        .map(str::trim)
        .filter(|size| !size.is_empty())
        .map(|size| size.parse().map_err(|_| format!("its shape holds {size:?}")))
        .collect()
}

/// `count` elements of NumPy's type `descr` (`<i8`, `|S5`, `<U12`, …).
pub(crate) fn from_bytes(descr: &str, count: usize, data: &[u8]) -> Result<Values, String> {
    let big = descr.starts_with('>');
    let kind = descr.trim_start_matches(['<', '>', '|', '=']);
    let (letter, size) = kind.split_at(kind.len().min(1));
    let size: usize = match (letter, size.parse()) {
        ("?", _) => 1,
        (_, Ok(size)) if size <= 1 << 20 => size,
        _ => return Err(format!("holds elements of type {descr}, which are not read")),
    };
    let item = if letter == "U" { size * 4 } else { size };
    let bytes = count.checked_mul(item).ok_or("its shape is too large")?;
    let data = data
        .get(..bytes)
        .ok_or_else(|| format!("truncated: {} bytes of {bytes}", data.len()))?;
    if item == 0 {
        if count > 1 << 24 {
            return Err(format!("holds {count} empty texts"));
        }
        return Ok(Values::Texts(vec![String::new(); count]));
    }
    let items = data.chunks_exact(item);
    let word = |item: &[u8]| -> u64 {
        let fold = |sum: u64, byte: &u8| (sum << 8) | u64::from(*byte);
        if big {
            item.iter().fold(0, fold)
        } else {
            item.iter().rev().fold(0, fold)
        }
    };
    let signed = |item: &[u8]| {
        let shift = 64 - 8 * item.len() as u32;
        ((word(item) << shift) as i64) >> shift
    };
    Ok(match (letter, size) {
        ("i", 1 | 2 | 4 | 8) => Values::Ints(items.map(signed).collect()),
        ("u" | "b" | "?", 1 | 2 | 4 | 8) => Values::Ints(items.map(|item| word(item) as i64).collect()),
        ("f", 4) => Values::Floats(
            items
                .map(|item| f64::from(f32::from_bits(word(item) as u32)))
                .collect(),
        ),
        ("f", 8) => Values::Floats(items.map(|item| f64::from_bits(word(item))).collect()),
        ("U", _) => Values::Texts(
            items
                .map(|item| {
                    let letters = item.chunks_exact(4).map(|code| word(code) as u32);
                    letters
                        .take_while(|code| *code != 0)
                        .map(|code| char::from_u32(code).unwrap_or(char::REPLACEMENT_CHARACTER))
                        .collect()
                })
                .collect(),
        ),
        ("S" | "a", _) => Values::Texts(
            items
                .map(|item| {
                    let end = item.iter().position(|byte| *byte == 0).unwrap_or(item.len());
                    String::from_utf8_lossy(&item[..end]).into_owned()
                })
                .collect(),
        ),
        _ => return Err(format!("holds elements of type {descr}, which are not read")),
    })
}
