//! NumPy's arrays, from `.npy` files and from pickles, without executing anything.

mod header;
mod npy;
mod object;
mod text_file;

use crate::{
    dtype::{self, DType},
    error::{Error, Kind, Result},
};

pub use npy::{read, read_file};
pub use object::{read_pickle, read_pickle_file};
pub use text_file::TextFile;

/// An array of any number of dimensions, in row-major order.
#[derive(Clone, Debug, PartialEq)]
pub struct Array {
    pub shape: Vec<u64>,
    pub data: Data,
}

#[derive(Clone, Debug, PartialEq)]
pub enum Data {
    /// Little-endian elements.
    Numbers {
        dtype: &'static DType,
        bytes: Vec<u8>,
    },
    Texts(Vec<String>),
}

impl Array {
    /// Elements of a one-dimensional array of texts.
    ///
    /// # Errors
    /// An array of another kind; the message says which.
    pub fn into_texts(self) -> Result<Vec<String>> {
        match self.data {
            Data::Texts(texts) if self.shape.len() == 1 => Ok(texts),
            Data::Texts(_) => Err(Error::new(
                Kind::Data,
                format!("it is an array of shape {:?}", self.shape),
                "save a one-dimensional array",
            )),
            Data::Numbers { dtype, .. } => Err(Error::new(
                Kind::Data,
                format!("it is an array of {}", dtype.name),
                "save an array of texts: np.save(path, np.array(names))",
            )),
        }
    }

    /// All elements as whole numbers; `bool` gives 0 and 1.
    ///
    /// # Errors
    /// Texts, floats that are no whole numbers, values beyond `i64`.
    pub fn to_integers(&self) -> Result<Vec<i64>> {
        let Data::Numbers { dtype, bytes } = &self.data else {
            return Err(Error::new(
                Kind::Data,
                "it is an array of texts",
                "save an array of whole numbers",
            ));
        };
        let not_whole = |value: String| {
            Error::new(
                Kind::Data,
                format!("it holds {value}, which is no whole number"),
                "save an array of whole numbers",
            )
        };
        bytes
            .chunks_exact(dtype.size)
            .map(|element| match integer(dtype.name, element) {
                Number::Integer(value) => Ok(value),
                Number::Float(value) if value.fract() == 0.0 && value.abs() < 9.0e15 => Ok(value as i64),
                Number::Float(value) => Err(not_whole(value.to_string())),
                Number::Other => Err(not_whole(format!("elements of {}", dtype.name))),
            })
            .collect()
    }
}

enum Number {
    Integer(i64),
    Float(f64),
    Other,
}

fn integer(name: &str, bytes: &[u8]) -> Number {
    macro_rules! number {
        ($type:ty, $kind:ident as $to:ty) => {
            match bytes.try_into() {
                Ok(bytes) => Number::$kind(<$type>::from_le_bytes(bytes) as $to),
                Err(_) => Number::Other,
            }
        };
    }
    match name {
        "bool" | "uint8" => number!(u8, Integer as i64),
        "int8" => number!(i8, Integer as i64),
        "int16" => number!(i16, Integer as i64),
        "uint16" => number!(u16, Integer as i64),
        "int32" => number!(i32, Integer as i64),
        "uint32" => number!(u32, Integer as i64),
        "int64" => number!(i64, Integer as i64),
        "uint64" => match bytes.try_into().map(u64::from_le_bytes).map(i64::try_from) {
            Ok(Ok(value)) => Number::Integer(value),
            _ => Number::Other,
        },
        "float32" => number!(f32, Float as f64),
        "float64" => number!(f64, Float as f64),
        _ => Number::Other,
    }
}

/// How an element is stored.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Element {
    Number {
        dtype: &'static DType,
        swapped: bool,
    },
    /// So many UCS-4 characters.
    Unicode {
        length: usize,
        swapped: bool,
    },
    /// So many bytes of text.
    Bytes {
        length: usize,
    },
    /// A pickle of all elements.
    Object,
}

impl Element {
    /// Reads NumPy's short form: `<f4`, `|b1`, `<U12`, `|O`.
    fn parse(descr: &str) -> Result<Self> {
        let unknown = || {
            Error::new(
                Kind::Data,
                format!("its elements are of the type {descr:?}, which is not known"),
                "save an array of numbers or texts",
            )
        };
        let (order, rest) = match descr.as_bytes().first() {
            Some(order @ (b'<' | b'>' | b'|' | b'=')) => (*order, &descr[1..]),
            _ => (b'=', descr),
        };
        let swapped = order == b'>';
        if rest == "O" || rest == "O8" {
            return Ok(Self::Object);
        }
        if !rest.is_ascii() || rest.is_empty() {
            return Err(unknown());
        }
        let (kind, digits) = rest.split_at(1);
        let size: usize = digits.parse().map_err(|_| unknown())?;
        if size > 1 << 20 {
            return Err(unknown());
        }
        let name = match (kind, size) {
            ("U", length) => return Ok(Self::Unicode { length, swapped }),
            ("S", length) => return Ok(Self::Bytes { length }),
            ("f", 2) => "float16",
            ("f", 4) => "float32",
            ("f", 8) => "float64",
            ("i", 1) => "int8",
            ("i", 2) => "int16",
            ("i", 4) => "int32",
            ("i", 8) => "int64",
            ("u", 1) => "uint8",
            ("u", 2) => "uint16",
            ("u", 4) => "uint32",
            ("u", 8) => "uint64",
            ("b", 1) => "bool",
            ("c", 8) => "complex64",
            ("c", 16) => "complex128",
            _ => return Err(unknown()),
        };
        let dtype = dtype::by_name(name).ok_or_else(unknown)?;
        Ok(Self::Number { dtype, swapped })
    }

    /// Bytes of one element; none for objects.
    fn size(self) -> Option<usize> {
        match self {
            Self::Number { dtype, .. } => Some(dtype.size),
            Self::Unicode { length, .. } => length.checked_mul(4),
            Self::Bytes { length } => Some(length),
            Self::Object => None,
        }
    }
}

/// Elements as they lie in a file, made row-major and little-endian. `raw` holds exactly the array's bytes.
fn array(element: Element, shape: Vec<u64>, fortran: bool, raw: &[u8]) -> Result<Array> {
    let Some(size) = element.size() else {
        return Err(Error::corrupt("an array of objects has no plain bytes"));
    };
    let count = count_of(&shape)?;
    if count.checked_mul(size as u64) != Some(raw.len() as u64) {
        return Err(Error::corrupt(format!(
            "an array of shape {shape:?} does not fit its {} bytes",
            raw.len()
        )));
    }
    let ordered;
    let raw = if fortran && shape.len() > 1 && size > 0 {
        ordered = row_major(&shape, size, raw);
        &ordered
    } else {
        raw
    };
    let data = match element {
        Element::Number { dtype, swapped } => {
            let mut bytes = raw.to_vec();
            // The two halves of a complex number are swapped each by itself.
            let part = if dtype.name.starts_with("complex") {
                dtype.size / 2
            } else {
                dtype.size
            };
            if swapped {
                bytes.chunks_exact_mut(part).for_each(<[u8]>::reverse);
            }
            Data::Numbers { dtype, bytes }
        }
        Element::Unicode { swapped, .. } => {
            Data::Texts(texts(raw, size, count, |bytes| unicode(bytes, swapped))?)
        }
        Element::Bytes { .. } => Data::Texts(texts(raw, size, count, latin)?),
        Element::Object => return Err(Error::corrupt("an array of objects has no plain bytes")),
    };
    Ok(Array { shape, data })
}

fn texts(raw: &[u8], size: usize, count: u64, read: impl Fn(&[u8]) -> Option<String>) -> Result<Vec<String>> {
    let bad = || Error::corrupt("a text holds a character that does not exist");
    if size == 0 {
        if count > 1 << 28 {
            return Err(Error::corrupt("it claims more empty texts than make sense"));
        }
        return Ok(vec![String::new(); count as usize]);
    }
    raw.chunks_exact(size)
        .map(|bytes| read(bytes).ok_or_else(bad))
        .collect()
}

/// Bytes that stand for one character each, without the zeros that fill up.
fn latin(bytes: &[u8]) -> Option<String> {
    let end = bytes
        .iter()
        .rposition(|&byte| byte != 0)
        .map_or(0, |last| last + 1);
    Some(bytes[..end].iter().map(|&byte| char::from(byte)).collect())
}

fn unicode(bytes: &[u8], swapped: bool) -> Option<String> {
    let mut text = bytes
        .chunks_exact(4)
        .map(|four| {
            let four = four.try_into().ok()?;
            char::from_u32(if swapped {
                u32::from_be_bytes(four)
            } else {
                u32::from_le_bytes(four)
            })
        })
        .collect::<Option<String>>()?;
    text.truncate(text.trim_end_matches('\0').len());
    Some(text)
}

fn row_major(shape: &[u64], size: usize, raw: &[u8]) -> Vec<u8> {
    let mut strides = vec![size; shape.len()];
    for i in 1..shape.len() {
        strides[i] = strides[i - 1] * shape[i - 1] as usize;
    }
    let mut out = Vec::with_capacity(raw.len());
    let mut index = vec![0u64; shape.len()];
    while out.len() < raw.len() {
        let at: usize = index
            .iter()
            .zip(&strides)
            .map(|(&i, stride)| i as usize * stride)
            .sum();
        out.extend_from_slice(&raw[at..at + size]);
        for (i, &n) in index.iter_mut().zip(shape).rev() {
            *i += 1;
            if *i < n {
                break;
            }
            *i = 0;
        }
    }
    out
}

fn count_of(shape: &[u64]) -> Result<u64> {
    shape
        .iter()
        .try_fold(1u64, |product, &size| product.checked_mul(size))
        .ok_or_else(|| Error::corrupt(format!("an array has the impossible shape {shape:?}")))
}
