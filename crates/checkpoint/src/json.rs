//! A tree as JSON text, with all bytes beside it in numbered buffers: one string and a list of byte arrays cross
//! the boundary to another language, whatever the number of values.
//!
//! `{"root": V, "nodes": [N, …]}`
//!
//! V: `null`, `true`, `false`, text, a number (an integer of at most 2^53-1), `["f", 0.5 | "nan" | "inf" | "-inf"]`,
//! `["i", "-0x1f…"]` (a larger integer), `["b", buffer]` (bytes), `["n", node]`.
//!
//! N: `["list", V…]`, `["tuple", V…]`, `["set", V…]`, `["dict", ordered, attributes V, key V, value V, …]`,
//! `["tensor", dtype, buffer, shape, requires_grad, parameter, byte offset, byte length]` (row-major),
//! and on reading only `["global", name]`, `["object", class, args V, state V, [V…], [key V, value V, …]]`.

use serde_json::{Value as Json, json};

use crate::{
    dtype,
    error::{Error, Result},
    torch_file::TorchFile,
    tree::{Node, Storage, Tensor, Tree, Value, contiguous_strides},
};

const MAX_SAFE: i64 = (1 << 53) - 1;

/// The JSON text of a file that was read and its buffers; storages move, only strided views and bytes are copied.
///
/// # Errors
/// See [`TorchFile::copy_strided`].
pub fn from_file(mut file: TorchFile) -> Result<(String, Vec<Vec<u8>>)> {
    let nodes = std::mem::take(&mut file.tree.nodes);
    let mut extra: Vec<Vec<u8>> = Vec::new();
    let first_extra = file.storages.len();
    let mut written = Vec::with_capacity(nodes.len());
    for node in &nodes {
        let mut see = |value: &Value| value_to_json(value, first_extra, &mut extra);
        written.push(match node {
            Node::List(items) => tagged("list", items.iter().map(see)),
            Node::Tuple(items) => tagged("tuple", items.iter().map(see)),
            Node::Set(items) => tagged("set", items.iter().map(see)),
            Node::Dict {
                ordered,
                entries,
                attributes,
            } => {
                let mut items = vec![
                    json!("dict"),
                    json!(ordered),
                    attributes.as_ref().map_or(Json::Null, &mut see),
                ];
                for (key, value) in entries {
                    items.push(see(key));
                    items.push(see(value));
                }
                Json::Array(items)
            }
            Node::Global(name) => json!(["global", &**name]),
            Node::Object(object) => {
                let args = see(&object.args);
                let state = object.state.as_ref().map_or(Json::Null, &mut see);
                let items: Vec<Json> = object.items.iter().map(&mut see).collect();
                let entries: Vec<Json> = object
                    .entries
                    .iter()
                    .flat_map(|(key, value)| [see(key), see(value)])
                    .collect();
                json!(["object", &*object.class, args, state, items, entries])
            }
            Node::Tensor(tensor) => {
                let (buffer, start, bytes) = match tensor.span() {
                    Some((start, bytes)) if tensor.is_contiguous() => {
                        (tensor.storage, if bytes == 0 { 0 } else { start }, bytes)
                    }
                    _ => {
                        extra.push(file.copy_strided(tensor)?);
                        let bytes = extra[extra.len() - 1].len() as u64;
                        (first_extra + extra.len() - 1, 0, bytes)
                    }
                };
                let Tensor {
                    dtype,
                    shape,
                    requires_grad,
                    parameter,
                    ..
                } = tensor;
                json!([
                    "tensor",
                    dtype.name,
                    buffer,
                    shape,
                    requires_grad,
                    parameter,
                    start,
                    bytes
                ])
            }
            // A bare storage is shown as a tensor of one dimension.
            Node::Storage(storage) => {
                let (name, size) = storage
                    .dtype
                    .map_or(("uint8", 1), |dtype| (dtype.name, dtype.size as u64));
                let bytes = file.tree.storages[storage.index].bytes;
                json!([
                    "tensor",
                    name,
                    storage.index,
                    [bytes / size],
                    false,
                    false,
                    0,
                    bytes
                ])
            }
        });
    }
    let root = value_to_json(&file.tree.root, first_extra, &mut extra);
    let text = json!({ "root": root, "nodes": written }).to_string();
    let mut buffers = file.storages;
    buffers.append(&mut extra);
    Ok((text, buffers))
}

fn tagged(tag: &str, items: impl Iterator<Item = Json>) -> Json {
    Json::Array(std::iter::once(json!(tag)).chain(items).collect())
}

fn value_to_json(value: &Value, first_extra: usize, extra: &mut Vec<Vec<u8>>) -> Json {
    match value {
        Value::None => Json::Null,
        Value::Bool(value) => json!(value),
        Value::Int(value) if value.abs_diff(0) <= MAX_SAFE as u64 => json!(value),
        Value::Int(value) => {
            json!([
                "i",
                format!(
                    "{}0x{:x}",
                    if *value < 0 { "-" } else { "" },
                    value.unsigned_abs()
                )
            ])
        }
        Value::BigInt(bytes) => json!(["i", big_to_hex(bytes)]),
        Value::Float(value) if value.is_nan() => json!(["f", "nan"]),
        Value::Float(value) if value.is_infinite() => json!(["f", if *value > 0.0 { "inf" } else { "-inf" }]),
        Value::Float(value) => json!(["f", value]),
        Value::Str(text) => json!(&**text),
        Value::Bytes(bytes) => {
            extra.push(bytes.to_vec());
            json!(["b", first_extra + extra.len() - 1])
        }
        Value::Node(id) => json!(["n", id]),
    }
}

/// Two's complement, little-endian, to `-0x1f`.
fn big_to_hex(bytes: &[u8]) -> String {
    let negative = bytes.last().is_some_and(|last| last & 0x80 != 0);
    let mut magnitude = bytes.to_vec();
    if negative {
        negate(&mut magnitude);
    }
    let digits: String = magnitude.iter().rev().map(|byte| format!("{byte:02x}")).collect();
    let digits = digits.trim_start_matches('0');
    format!(
        "{}0x{}",
        if negative { "-" } else { "" },
        if digits.is_empty() { "0" } else { digits }
    )
}

fn hex_to_big(text: &str) -> Option<Value> {
    let (negative, digits) = match text.strip_prefix('-') {
        Some(rest) => (true, rest),
        None => (false, text),
    };
    let digits = digits.strip_prefix("0x")?;
    if digits.is_empty() || !digits.bytes().all(|byte| byte.is_ascii_hexdigit()) {
        return None;
    }
    if let Ok(value) = i128::from_str_radix(digits, 16)
        && let Ok(value) = i64::try_from(if negative { -value } else { value })
    {
        return Some(Value::Int(value));
    }
    let padded = if digits.len() % 2 == 0 {
        digits.to_string()
    } else {
        format!("0{digits}")
    };
    let mut bytes: Vec<u8> = (0..padded.len())
        .step_by(2)
        .rev()
        .map(|at| u8::from_str_radix(&padded[at..at + 2], 16))
        .collect::<Result<_, _>>()
        .ok()?;
    bytes.push(0);
    if negative {
        negate(&mut bytes);
    }
    // The sign's byte is needed only where the highest bit says otherwise.
    if let [.., below, sign] = bytes[..]
        && (below & 0x80 != 0) == (sign & 0x80 != 0)
    {
        bytes.pop();
    }
    Some(Value::BigInt(bytes.into()))
}

fn negate(bytes: &mut [u8]) {
    let mut carry = true;
    for byte in bytes {
        let (sum, overflow) = (!*byte).overflowing_add(carry as u8);
        *byte = sum;
        carry = overflow;
    }
}

/// The tree that JSON text describes, and for each of its storages the buffer that holds it.
///
/// # Errors
/// Text that does not follow the form, unknown dtypes, shapes that do not fit their buffers.
pub fn to_tree(text: &str, buffers: &[&[u8]]) -> Result<(Tree, Vec<usize>)> {
    let bad = |what: &str| {
        Error::usage(
            format!("the description of a checkpoint is not valid: {what}"),
            FIX,
        )
    };
    let json: Json = serde_json::from_str(text).map_err(|error| bad(&error.to_string()))?;
    let nodes = json
        .get("nodes")
        .and_then(Json::as_array)
        .ok_or_else(|| bad("it has no nodes"))?;
    let mut builder = Builder {
        buffers,
        storage_of: vec![None; buffers.len()],
        storages: Vec::new(),
        of: Vec::new(),
    };
    let root = builder
        .value(json.get("root").unwrap_or(&Json::Null))
        .ok_or_else(|| bad("its root"))?;
    let mut built = Vec::with_capacity(nodes.len());
    for (at, node) in nodes.iter().enumerate() {
        built.push(builder.node(node)?.ok_or_else(|| bad(&format!("node {at}")))?);
    }
    let tree = Tree {
        root,
        nodes: built,
        storages: builder.storages,
    };
    Ok((tree, builder.of))
}

const FIX: &str = "use saveTorchFile, which makes it";

struct Builder<'b> {
    buffers: &'b [&'b [u8]],
    storage_of: Vec<Option<usize>>,
    storages: Vec<Storage>,
    of: Vec<usize>,
}

impl Builder<'_> {
    fn value(&self, json: &Json) -> Option<Value> {
        Some(match json {
            Json::Null => Value::None,
            Json::Bool(value) => Value::Bool(*value),
            Json::Number(number) => Value::Int(number.as_i64()?),
            Json::String(text) => Value::Str(text.as_str().into()),
            Json::Array(items) => match (items.first()?.as_str()?, items.get(1)?) {
                ("n", id) => Value::Node(u32::try_from(id.as_u64()?).ok()?),
                ("f", Json::Number(number)) => Value::Float(number.as_f64()?),
                ("f", Json::String(text)) => Value::Float(text.parse().ok()?),
                ("i", Json::String(text)) => hex_to_big(text)?,
                ("b", buffer) => Value::Bytes((*self.buffers.get(buffer.as_u64()? as usize)?).into()),
                _ => return None,
            },
            Json::Object(_) => return None,
        })
    }

    fn values(&self, items: &[Json]) -> Option<Vec<Value>> {
        items.iter().map(|item| self.value(item)).collect()
    }

    /// `None` where the form is not followed.
    fn node(&mut self, json: &Json) -> Result<Option<Node>> {
        let Some([tag, rest @ ..]) = json.as_array().map(Vec::as_slice) else {
            return Ok(None);
        };
        Ok(match (tag.as_str(), rest) {
            (Some("list"), items) => self.values(items).map(Node::List),
            (Some("tuple"), items) => self.values(items).map(Node::Tuple),
            (Some("set"), items) => self.values(items).map(Node::Set),
            (Some("dict"), [ordered, attributes, flat @ ..]) if flat.len() % 2 == 0 => {
                let attributes = match attributes {
                    Json::Null => None,
                    other => self.value(other),
                };
                self.values(flat).map(|flat| Node::Dict {
                    ordered: ordered == &Json::Bool(true),
                    entries: flat
                        .chunks_exact(2)
                        .map(|pair| (pair[0].clone(), pair[1].clone()))
                        .collect(),
                    attributes,
                })
            }
            (Some("tensor"), [dtype, buffer, shape, requires_grad, parameter, ..]) => {
                return self.tensor(dtype, buffer, shape, requires_grad, parameter);
            }
            _ => None,
        })
    }

    fn tensor(
        &mut self,
        dtype: &Json,
        buffer: &Json,
        shape: &Json,
        requires_grad: &Json,
        parameter: &Json,
    ) -> Result<Option<Node>> {
        let (Some(name), Some(buffer), Some(shape)) = (dtype.as_str(), buffer.as_u64(), shape.as_array())
        else {
            return Ok(None);
        };
        let Some(dtype) = dtype::by_name(name) else {
            let known: Vec<&str> = dtype::DTYPES.iter().map(|dtype| dtype.name).collect();
            return Err(Error::usage(
                format!("a tensor has the unknown dtype {name:?}"),
                format!("known: {}", known.join(", ")),
            ));
        };
        let Some(shape) = shape.iter().map(Json::as_u64).collect::<Option<Vec<u64>>>() else {
            return Ok(None);
        };
        let Some(bytes) = self.buffers.get(buffer as usize) else {
            return Ok(None);
        };
        let storage = match self.storage_of[buffer as usize] {
            Some(storage) => storage,
            None => {
                let storage = self.storages.len();
                self.storages.push(Storage {
                    key: storage.to_string(),
                    bytes: bytes.len() as u64,
                });
                self.of.push(buffer as usize);
                self.storage_of[buffer as usize] = Some(storage);
                storage
            }
        };
        let tensor = Tensor {
            dtype,
            storage,
            offset: 0,
            stride: contiguous_strides(&shape),
            shape,
            requires_grad: requires_grad == &Json::Bool(true),
            parameter: parameter == &Json::Bool(true),
        };
        let wanted = tensor
            .numel()
            .and_then(|numel| numel.checked_mul(dtype.size as u64));
        if wanted != Some(bytes.len() as u64) {
            return Err(Error::usage(
                format!(
                    "a tensor of dtype {name} and shape {:?} is given {} bytes",
                    tensor.shape,
                    bytes.len()
                ),
                "give exactly the bytes of its elements, row-major",
            ));
        }
        Ok(Some(Node::Tensor(tensor)))
    }
}
