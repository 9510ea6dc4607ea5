//! The safetensors format: a length, a JSON header with a type, a shape and a range of bytes for each tensor, and the
//! bytes.

use std::io::{Read, Seek, SeekFrom};

use serde_json::{Map, Value as Json};

use crate::{
    dtype::{self, DType},
    error::{Error, Result},
    torch_file::TorchFile,
    tree::{Node, Storage, Tensor, Tree, Value, contiguous_strides},
};

/// The format's own limit for its header.
const MAX_HEADER: u64 = 100_000_000;

/// Whether a file begins as this format does; `length` is the whole file's.
pub(crate) fn starts_like_one(head: &[u8], length: u64) -> bool {
    let Some(count) = head
        .get(..8)
        .and_then(|eight| eight.try_into().ok())
        .map(u64::from_le_bytes)
    else {
        return false;
    };
    head.get(8) == Some(&b'{') && count >= 2 && count <= length.saturating_sub(8).min(MAX_HEADER)
}

/// Reads a whole file as a dict of tensors in the order of their bytes.
///
/// # Errors
/// Cut short, corrupt, hostile; ranges that overlap or leave gaps, as the format demands.
pub(crate) fn read<R: Read + Seek>(mut source: R) -> Result<TorchFile> {
    let length = source.seek(SeekFrom::End(0)).map_err(Error::unreadable)?;
    source.rewind().map_err(Error::unreadable)?;
    let mut count = [0; 8];
    source.read_exact(&mut count).map_err(Error::unreadable)?;
    let count = u64::from_le_bytes(count);
    if count > length.saturating_sub(8).min(MAX_HEADER) {
        return Err(Error::corrupt("its header is longer than the file"));
    }
    let mut header = Vec::new();
    source
        .by_ref()
        .take(count)
        .read_to_end(&mut header)
        .map_err(Error::unreadable)?;
    let header: Map<String, Json> = serde_json::from_slice(&header)
        .map_err(|error| Error::corrupt(format!("its header is no JSON object: {error}")))?;

    let mut entries = header
        .iter()
        .filter(|(name, _)| *name != "__metadata__")
        .map(|(name, entry)| Entry::parse(name, entry))
        .collect::<Result<Vec<_>>>()?;
    entries.sort_by_key(|entry| (entry.begin, entry.end));
    let mut tree = Tree {
        root: Value::Node(0),
        nodes: vec![Node::List(Vec::new())],
        storages: Vec::new(),
    };
    let mut storages = Vec::new();
    let mut named = Vec::new();
    let mut at = 0;
    for entry in entries {
        if entry.begin != at {
            return Err(Error::corrupt(format!(
                "the tensor {} does not begin where the one before ends",
                entry.name
            )));
        }
        at = entry.end;
        let size = entry.end - entry.begin;
        let mut bytes = Vec::new();
        source
            .by_ref()
            .take(size)
            .read_to_end(&mut bytes)
            .map_err(Error::unreadable)?;
        if bytes.len() as u64 != size {
            return Err(Error::corrupt(format!(
                "it is cut short in the tensor {}",
                entry.name
            )));
        }
        let tensor = Tensor {
            dtype: entry.dtype,
            storage: storages.len(),
            offset: 0,
            stride: contiguous_strides(&entry.shape),
            shape: entry.shape,
            requires_grad: false,
            parameter: false,
        };
        named.push((
            Value::Str(entry.name.into()),
            Value::Node(tree.nodes.len() as u32),
        ));
        tree.nodes.push(Node::Tensor(tensor));
        tree.storages.push(Storage {
            key: storages.len().to_string(),
            bytes: size,
        });
        storages.push(bytes);
    }
    if 8 + count + at != length {
        return Err(Error::corrupt("bytes follow that belong to no tensor"));
    }
    tree.nodes[0] = Node::Dict {
        ordered: true,
        entries: named,
        attributes: None,
    };
    Ok(TorchFile::new(tree, storages))
}

struct Entry<'a> {
    name: &'a str,
    dtype: &'static DType,
    shape: Vec<u64>,
    begin: u64,
    end: u64,
}

impl<'a> Entry<'a> {
    fn parse(name: &'a str, entry: &Json) -> Result<Self> {
        let bad = |what: &str| Error::corrupt(format!("the tensor {name:?} {what}"));
        let numbers = |key: &str| {
            let list = entry.get(key)?.as_array()?;
            list.iter().map(Json::as_u64).collect::<Option<Vec<_>>>()
        };
        let kind = entry
            .get("dtype")
            .and_then(Json::as_str)
            .ok_or_else(|| bad("has no dtype"))?;
        let dtype =
            dtype_of(kind).ok_or_else(|| bad(&format!("has the dtype {kind:?}, which is not known")))?;
        let shape = numbers("shape").ok_or_else(|| bad("has no shape"))?;
        let Some([begin, end]) = numbers("data_offsets").and_then(|list| <[u64; 2]>::try_from(list).ok())
        else {
            return Err(bad("has no two offsets"));
        };
        let bytes = shape
            .iter()
            .try_fold(dtype.size as u64, |product, &size| product.checked_mul(size));
        if shape.len() > 64 || begin > end || bytes != Some(end - begin) {
            return Err(bad(&format!(
                "of shape {shape:?} does not fit the bytes {begin} to {end}"
            )));
        }
        Ok(Self {
            name,
            dtype,
            shape,
            begin,
            end,
        })
    }
}

fn dtype_of(name: &str) -> Option<&'static DType> {
    dtype::by_name(match name {
        "F64" => "float64",
        "F32" => "float32",
        "F16" => "float16",
        "BF16" => "bfloat16",
        "F8_E4M3" => "float8_e4m3fn",
        "F8_E5M2" => "float8_e5m2",
        "I64" => "int64",
        "I32" => "int32",
        "I16" => "int16",
        "I8" => "int8",
        "U64" => "uint64",
        "U32" => "uint32",
        "U16" => "uint16",
        "U8" => "uint8",
        "BOOL" => "bool",
        "C64" => "complex64",
        _ => return None,
    })
}
