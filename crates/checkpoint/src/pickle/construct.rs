//! The closed set of constructors. What is not here becomes an inert object.

use std::sync::Arc;

use super::decode::{Decoder, dict};
use crate::{
    dtype::{self, DType},
    error::Result,
    tree::{Node, Storage, StorageRef, Tensor, Value},
};

/// No tensor of PyTorch has more dimensions.
const MAX_DIMS: usize = 64;

/// `module.name` as Python 3 calls it.
pub(super) fn modern_name(module: &str, name: &str) -> Arc<str> {
    let module = match module {
        "__builtin__" => "builtins",
        "copy_reg" => "copyreg",
        _ => module,
    };
    format!("{module}.{name}").into()
}

/// The value of `name(*items)`; `args` is the same tuple as a node.
pub(super) fn construct(
    decoder: &mut Decoder,
    name: Arc<str>,
    items: Vec<Value>,
    args: Value,
) -> Result<Value> {
    let node = match (&*name, items.as_slice()) {
        ("collections.OrderedDict", []) => ordered(Vec::new()),
        ("collections.OrderedDict", [pairs]) => match pair_list(decoder, pairs) {
            Some(flat) => {
                decoder.count(flat.len())?;
                ordered(decoder.pairs(flat)?)
            }
            None => return Err(decoder.error("OrderedDict is made of something other than pairs")),
        },
        ("builtins.dict", []) => dict(Vec::new()),
        ("builtins.list", []) => Node::List(Vec::new()),
        ("builtins.tuple" | "torch.Size", [of]) => match decoder.node(of) {
            Some(Node::Tuple(items) | Node::List(items)) => {
                let items = items.clone();
                decoder.count(items.len())?;
                Node::Tuple(items)
            }
            _ => return Err(decoder.error(format!("{name} is made of something other than a tuple"))),
        },
        ("builtins.set" | "builtins.frozenset", []) => Node::Set(Vec::new()),
        ("builtins.set" | "builtins.frozenset", [of]) => match decoder.node(of) {
            Some(Node::Tuple(items) | Node::List(items)) => {
                let items = items.clone();
                decoder.count(items.len())?;
                decoder.check_keys(items.iter())?;
                Node::Set(items)
            }
            _ => return Err(decoder.error("a set is made of something other than a list")),
        },
        ("builtins.bytes" | "builtins.bytearray", []) => return Ok(Value::Bytes([].into())),
        ("builtins.bytearray", [Value::Bytes(bytes)]) => return Ok(Value::Bytes(bytes.clone())),
        ("_codecs.encode", [Value::Str(text), Value::Str(codec)]) if &**codec == "latin1" => {
            let bytes: Option<Vec<u8>> = text.chars().map(|c| u8::try_from(c as u32).ok()).collect();
            match bytes {
                Some(bytes) => {
                    decoder.count(bytes.len() / 16)?;
                    return Ok(Value::Bytes(bytes.into()));
                }
                None => return Err(decoder.error("bytes are given as text beyond latin1")),
            }
        }
        ("builtins.bytearray", [Value::Str(text), Value::Str(codec)]) if codec.starts_with("latin") => {
            let bytes: Vec<u8> = text.chars().filter_map(|c| u8::try_from(c as u32).ok()).collect();
            decoder.count(bytes.len() / 16)?;
            return Ok(Value::Bytes(bytes.into()));
        }
        (
            "torch._utils._rebuild_tensor_v2",
            [storage, offset, shape, stride, requires_grad, _hooks]
            | [storage, offset, shape, stride, requires_grad, _hooks, _],
        ) => tensor(decoder, [storage, offset, shape, stride, requires_grad], None)
            .map_err(|why| decoder.error(why))?,
        (
            "torch._utils._rebuild_tensor_v3",
            [storage, offset, shape, stride, requires_grad, _hooks, dtype]
            | [storage, offset, shape, stride, requires_grad, _hooks, dtype, _],
        ) => {
            let dtype =
                named_dtype(decoder, dtype).ok_or_else(|| decoder.error("a tensor's dtype is not known"))?;
            tensor(
                decoder,
                [storage, offset, shape, stride, requires_grad],
                Some(dtype),
            )
            .map_err(|why| decoder.error(why))?
        }
        ("torch._utils._rebuild_parameter", [data, requires_grad, ..])
        | ("torch._utils._rebuild_parameter_with_state", [data, requires_grad, ..])
        | ("torch.nn.parameter.Parameter", [data, requires_grad]) => {
            match (decoder.node(data), requires_grad) {
                (Some(Node::Tensor(tensor)), &Value::Bool(requires_grad)) => Node::Tensor(Tensor {
                    requires_grad,
                    parameter: true,
                    ..tensor.clone()
                }),
                _ => return Err(decoder.error("a parameter is made of something other than a tensor")),
            }
        }
        // A tensor to which a user gave attributes; the attributes are left out.
        ("torch._tensor._rebuild_from_type_v2", [function, _class, of, _state]) => {
            let inner = match (decoder.global(function), decoder.node(of)) {
                (Some(inner), Some(Node::Tuple(items))) if inner.starts_with("torch._utils._rebuild_") => {
                    Some((inner, items.clone()))
                }
                _ => None,
            };
            match inner {
                Some((inner, items)) => {
                    let of = of.clone();
                    return construct(decoder, inner, items, of);
                }
                None => return decoder.add_object(name, args),
            }
        }
        (name, _)
            if name.starts_with("torch._utils._rebuild_tensor_v")
                || name == "torch._utils._rebuild_parameter" =>
        {
            return Err(decoder.error(format!("{name} is called with {} arguments", items.len())));
        }
        _ => return decoder.add_object(name, args),
    };
    if let Node::Tensor(tensor) = &node {
        decoder.count(tensor.shape.len() * 2)?;
    }
    decoder.add_node(node)
}

fn ordered(entries: Vec<(Value, Value)>) -> Node {
    Node::Dict {
        ordered: true,
        entries,
        attributes: None,
    }
}

/// Keys and values in turn, of a list of pairs.
fn pair_list(decoder: &Decoder, pairs: &Value) -> Option<Vec<Value>> {
    let (Node::List(pairs) | Node::Tuple(pairs)) = decoder.node(pairs)? else {
        return None;
    };
    let mut flat = Vec::with_capacity(pairs.len() * 2);
    for pair in pairs {
        let (Node::Tuple(pair) | Node::List(pair)) = decoder.node(pair)? else {
            return None;
        };
        let [key, value] = pair.as_slice() else {
            return None;
        };
        flat.push(key.clone());
        flat.push(value.clone());
    }
    Some(flat)
}

fn named_dtype(decoder: &Decoder, value: &Value) -> Option<&'static DType> {
    dtype::by_name(decoder.global(value)?.strip_prefix("torch.")?)
}

/// What a persistent id stands for: the storage of `('storage', class, key, location, numel)`, where the legacy
/// format adds a view, or the class of the legacy format's `('module', class, file, source)`.
pub(super) fn persistent(decoder: &mut Decoder, id: &Value) -> Result<Node, String> {
    let Some(Node::Tuple(items)) = decoder.node(id) else {
        return Err("a persistent id is no tuple".into());
    };
    match items.as_slice() {
        [
            Value::Str(kind),
            class,
            Value::Str(key),
            Value::Str(_location),
            numel,
        ]
        | [
            Value::Str(kind),
            class,
            Value::Str(key),
            Value::Str(_location),
            numel,
            Value::None,
        ] if &**kind == "storage" => {
            let (class, key, numel) = (class.clone(), key.to_string(), numel.clone());
            storage(decoder, &class, key, &numel)
        }
        [Value::Str(kind), _, _, _, _, _] if &**kind == "storage" => {
            Err("it holds a view of a storage, which PyTorch has not written since version 0.4".into())
        }
        [Value::Str(kind), class, _, _] if &**kind == "module" => match decoder.global(class) {
            Some(name) => Ok(Node::Global(name)),
            None => Err("a module has no class".into()),
        },
        _ => Err("a persistent id describes neither a storage nor a module".into()),
    }
}

fn storage(decoder: &mut Decoder, class: &Value, key: String, numel: &Value) -> Result<Node, String> {
    let numel = unsigned(numel).ok_or("a storage has a negative size")?;
    let class = decoder.global(class).ok_or("a storage has no class")?;
    let short = class
        .strip_prefix("torch.storage.")
        .or(class.strip_prefix("torch."));
    let (dtype, size) = match short {
        Some("UntypedStorage" | "_UntypedStorage") => (None, 1),
        Some(short) => match dtype::by_storage(short) {
            Some(dtype) => (Some(dtype), dtype.size),
            None => return Err(format!("the storage class {class} is not known")),
        },
        None => return Err(format!("the storage class {class} is not known")),
    };
    let bytes = numel.checked_mul(size as u64).ok_or("a storage is too large")?;
    if key.is_empty() || key.len() > 256 || key.contains(['/', '\\']) {
        return Err("a storage has a key that cannot name a record".into());
    }
    let index = match decoder.storage_index.get(&key) {
        Some(&index) => index,
        None => {
            let index = decoder.tree.storages.len();
            decoder.tree.storages.push(Storage {
                key: key.clone(),
                bytes,
            });
            decoder.storage_index.insert(key, index);
            index
        }
    };
    if decoder.tree.storages[index].bytes != bytes {
        return Err(format!(
            "the storage {} has two sizes",
            decoder.tree.storages[index].key
        ));
    }
    Ok(Node::Storage(StorageRef { index, dtype }))
}

fn tensor(decoder: &Decoder, args: [&Value; 5], dtype: Option<&'static DType>) -> Result<Node, String> {
    let [storage, offset, shape, stride, requires_grad] = args;
    let Some(Node::Storage(storage)) = decoder.node(storage) else {
        return Err("a tensor has no storage".into());
    };
    let dtype = dtype
        .or(storage.dtype)
        .ok_or("a tensor of an untyped storage has no dtype")?;
    let sizes = |value: &Value| match decoder.node(value) {
        Some(Node::Tuple(items) | Node::List(items)) if items.len() <= MAX_DIMS => {
            items.iter().map(unsigned).collect::<Option<Vec<u64>>>()
        }
        _ => None,
    };
    let shape = sizes(shape).ok_or("a tensor's shape is not valid")?;
    let stride = sizes(stride).ok_or("a tensor's strides are not valid")?;
    let offset = unsigned(offset).ok_or("a tensor's offset is not valid")?;
    if shape.len() != stride.len() {
        return Err(format!(
            "a tensor has {} sizes and {} strides",
            shape.len(),
            stride.len()
        ));
    }
    let tensor = Tensor {
        dtype,
        storage: storage.index,
        offset,
        shape,
        stride,
        requires_grad: *requires_grad == Value::Bool(true),
        parameter: false,
    };
    let held = decoder.tree.storages[tensor.storage].bytes;
    match tensor.span() {
        Some((start, bytes)) if bytes == 0 || start + bytes <= held => Ok(Node::Tensor(tensor)),
        _ => Err(format!(
            "a tensor of shape {:?}, strides {:?}, offset {} does not fit its storage of {held} bytes",
            tensor.shape, tensor.stride, tensor.offset
        )),
    }
}

fn unsigned(value: &Value) -> Option<u64> {
    match value {
        Value::Int(value) => u64::try_from(*value).ok(),
        _ => None,
    }
}
