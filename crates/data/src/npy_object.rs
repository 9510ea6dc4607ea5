//! Arrays and lists out of a pickle's tree, and out of JSON.

use vissl_checkpoint::tree::{Node, Tree, Value};

use crate::npy::{Array, Object, Values, from_bytes};

/// Lists nested deeper than this count as something else.
const MAX_DEPTH: usize = 8;

/// A NumPy array, a list or a tuple as an array.
///
/// # Errors
/// It is something else; the text says so.
pub fn array(tree: &Tree, value: &Value) -> Result<Array, String> {
    if let Some(array) = ndarray(tree, value, 0)? {
        return Ok(array);
    }
    match object(tree, value, 0) {
        Object::List(items) => Ok(simplest(items)),
        _ => Err("the pickle holds neither an array nor a list".to_owned()),
    }
}

fn node<'a>(tree: &'a Tree, value: &Value) -> Option<&'a Node> {
    match value {
        Value::Node(at) => tree.nodes.get(*at as usize),
        _ => None,
    }
}

fn tuple<'a>(tree: &'a Tree, value: &Value) -> Option<&'a [Value]> {
    match node(tree, value)? {
        Node::Tuple(items) => Some(items),
        _ => None,
    }
}

/// The array of NumPy's `_reconstruct` and its state `(version, shape, dtype, fortran, data)`.
fn ndarray(tree: &Tree, value: &Value, depth: usize) -> Result<Option<Array>, String> {
    let Some(Node::Object(found)) = node(tree, value) else {
        return Ok(None);
    };
    if !found.class.ends_with("._reconstruct") {
        return Ok(None);
    }
    let state = found.state.as_ref().and_then(|state| tuple(tree, state));
    let Some([_, shape, dtype, fortran, data]) = state else {
        return Err("the pickle holds an array without its data".to_owned());
    };
    let shape: Option<Vec<usize>> = tuple(tree, shape).and_then(|sizes| {
        let size = |size: &Value| match size {
            Value::Int(size) => usize::try_from(*size).ok(),
            _ => None,
        };
        sizes.iter().map(size).collect()
    });
    let shape = shape.ok_or("the pickle holds an array without a shape")?;
    if *fortran == Value::Bool(true) && shape.len() > 1 {
        return Err("is stored column by column; save it with numpy.ascontiguousarray".to_owned());
    }
    if let Some(Node::List(items)) = node(tree, data) {
        let items = items.iter().map(|item| object(tree, item, depth + 1)).collect();
        return Ok(Some(Array {
            shape,
            values: Values::Objects(items),
        }));
    }
    let Value::Bytes(bytes) = data else {
        return Err("the pickle holds an array of an unknown form".to_owned());
    };
    let descr = descr(tree, dtype).ok_or("the pickle holds an array of an unknown type")?;
    let count = shape
        .iter()
        .try_fold(1usize, |product, size| product.checked_mul(*size))
        .ok_or("its shape is too large")?;
    Ok(Some(Array {
        values: from_bytes(&descr, count, bytes)?,
        shape,
    }))
}

/// `<i8` of a `numpy.dtype` object: its first argument behind the byte order of its state.
fn descr(tree: &Tree, dtype: &Value) -> Option<String> {
    let Some(Node::Object(found)) = node(tree, dtype) else {
        return None;
    };
    let name = match tuple(tree, &found.args)?.first()? {
        Value::Str(name) => name.to_string(),
        _ => return None,
    };
    let order = match tuple(tree, found.state.as_ref()?)?.get(1)? {
        Value::Str(order) => order.to_string(),
        _ => return None,
    };
    Some(order + &name)
}

fn object(tree: &Tree, value: &Value, depth: usize) -> Object {
    match value {
        Value::None => Object::None,
        Value::Bool(flag) => Object::Int(i64::from(*flag)),
        Value::Int(number) => Object::Int(*number),
        Value::Float(number) => Object::Float(*number),
        Value::Str(text) => Object::Text(text.to_string()),
        Value::Bytes(bytes) => Object::Text(String::from_utf8_lossy(bytes).into_owned()),
        Value::Node(_) if depth < MAX_DEPTH => match node(tree, value) {
            Some(Node::List(items) | Node::Tuple(items)) => {
                Object::List(items.iter().map(|item| object(tree, item, depth + 1)).collect())
            }
            Some(Node::Object(found)) if found.class.ends_with(".scalar") => scalar(tree, &found.args),
            _ => match ndarray(tree, value, depth) {
                Ok(Some(array)) => Object::List(elements(array.values)),
                _ => Object::Other,
            },
        },
        _ => Object::Other,
    }
}

/// A NumPy scalar: its type and its bytes.
fn scalar(tree: &Tree, args: &Value) -> Object {
    let Some([dtype, Value::Bytes(bytes)]) = tuple(tree, args) else {
        return Object::Other;
    };
    let values = descr(tree, dtype).and_then(|descr| from_bytes(&descr, 1, bytes).ok());
    let first = values.and_then(|values| elements(values).into_iter().next());
    first.unwrap_or(Object::Other)
}

fn elements(values: Values) -> Vec<Object> {
    match values {
        Values::Ints(values) => values.into_iter().map(Object::Int).collect(),
        Values::Floats(values) => values.into_iter().map(Object::Float).collect(),
        Values::Texts(values) => values.into_iter().map(Object::Text).collect(),
        Values::Objects(values) => values,
    }
}

/// A list of texts or of whole numbers as such, anything else as objects.
fn simplest(items: Vec<Object>) -> Array {
    let shape = vec![items.len()];
    let texts: Option<Vec<String>> = items
        .iter()
        .map(|item| match item {
            Object::Text(text) => Some(text.clone()),
            _ => None,
        })
        .collect();
    if let (Some(texts), false) = (texts, items.is_empty()) {
        return Array {
            shape,
            values: Values::Texts(texts),
        };
    }
    let ints: Option<Vec<i64>> = items
        .iter()
        .map(|item| match item {
            Object::Int(value) => Some(*value),
            _ => None,
        })
        .collect();
    let values = ints.map_or(Values::Objects(items), Values::Ints);
    Array { shape, values }
}

/// The list that a JSON file holds.
///
/// # Errors
/// The bytes are no JSON list.
pub fn from_json(bytes: &[u8]) -> Result<Array, String> {
    let value: serde_json::Value = serde_json::from_slice(bytes).map_err(|error| error.to_string())?;
    match from_json_value(&value) {
        Object::List(items) => Ok(simplest(items)),
        _ => Err("holds no list".to_owned()),
    }
}

fn from_json_value(value: &serde_json::Value) -> Object {
    match value {
        serde_json::Value::Null => Object::None,
        serde_json::Value::Bool(flag) => Object::Int(i64::from(*flag)),
        serde_json::Value::Number(number) => match number.as_i64() {
            Some(number) => Object::Int(number),
            None => Object::Float(number.as_f64().unwrap_or(f64::NAN)),
        },
        serde_json::Value::String(text) => Object::Text(text.clone()),
        serde_json::Value::Array(items) => Object::List(items.iter().map(from_json_value).collect()),
        serde_json::Value::Object(_) => Object::Other,
    }
}
