//! Arrays in pickles: what NumPy's constructors would make is made here, from the tree.

use std::{fs, path::Path};

use super::{Array, Data, Element, array, count_of};
use crate::{
    dtype,
    error::{Error, Kind, Result},
    pickle::{self, Limits},
    tree::{Node, Object, Tree, Value},
};

/// Reads a pickle that holds an array or a list of numbers or texts.
///
/// # Errors
/// Missing, cut short, corrupt or hostile, or of other values; every message names the file.
pub fn read_pickle_file(path: &Path) -> Result<Array> {
    let bytes = fs::read(path).map_err(|error| Error::io("read", path, &error))?;
    read_pickle(&bytes).map_err(|error| error.in_file(path))
}

/// As [`read_pickle_file`], of bytes.
///
/// # Errors
/// See [`read_pickle_file`].
pub fn read_pickle(bytes: &[u8]) -> Result<Array> {
    let tree = pickle::decode(bytes, Limits::default())?;
    match node(&tree, &tree.root) {
        Some(Node::List(items) | Node::Tuple(items)) => list(&tree, vec![items.len() as u64], items),
        Some(Node::Object(object)) if is(object, "_reconstruct") => from_state(&tree, object),
        _ => Err(Error::new(
            Kind::Data,
            "it holds neither an array nor a list",
            "save the array with numpy.save",
        )),
    }
}

/// `numpy.core.multiarray._reconstruct(class, (0,), b'b')` with the state (version, shape, dtype, fortran, data).
fn from_state(tree: &Tree, object: &Object) -> Result<Array> {
    let bad = || Error::corrupt("an array in the pickle is not what NumPy writes");
    let state = object
        .state
        .as_ref()
        .and_then(|state| node(tree, state))
        .ok_or_else(bad)?;
    let Node::Tuple(state) = state else {
        return Err(bad());
    };
    let [.., shape, dtype, fortran, data] = state.as_slice() else {
        return Err(bad());
    };
    let Some(Node::Tuple(sizes)) = node(tree, shape) else {
        return Err(bad());
    };
    let shape = sizes
        .iter()
        .map(|size| match size {
            Value::Int(size) => u64::try_from(*size).ok(),
            _ => None,
        })
        .collect::<Option<Vec<_>>>()
        .ok_or_else(bad)?;
    let element = element(tree, dtype)?;
    let fortran = *fortran == Value::Bool(true);
    match (data, node(tree, data)) {
        (Value::Bytes(bytes), _) => array(element, shape, fortran, bytes),
        // Python 2's bytes, where they are UTF-8 too.
        (Value::Str(text), _) => array(element, shape, fortran, text.as_bytes()),
        (_, Some(Node::List(items))) if !fortran || shape.len() < 2 => {
            if count_of(&shape)? != items.len() as u64 {
                return Err(bad());
            }
            list(tree, shape, items)
        }
        _ => Err(bad()),
    }
}

/// `numpy.dtype('U12', False, True)` with the state (version, byte order, …).
fn element(tree: &Tree, value: &Value) -> Result<Element> {
    let bad = || Error::corrupt("a type in the pickle is not what NumPy writes");
    let Some(Node::Object(object)) = node(tree, value) else {
        return Err(bad());
    };
    let Some(Node::Tuple(args)) = node(tree, &object.args) else {
        return Err(bad());
    };
    let (Some(Value::Str(name)), "numpy.dtype") = (args.first(), &*object.class) else {
        return Err(bad());
    };
    let order = match object.state.as_ref().and_then(|state| node(tree, state)) {
        Some(Node::Tuple(state)) => match state.get(1) {
            Some(Value::Str(order)) => &**order,
            _ => "=",
        },
        _ => "=",
    };
    Element::parse(&format!("{}{name}", if order == ">" { ">" } else { "<" }))
}

/// Items that are all texts, or all numbers.
fn list(tree: &Tree, shape: Vec<u64>, items: &[Value]) -> Result<Array> {
    let mut texts = Vec::new();
    let mut integers: Vec<i64> = Vec::new();
    let mut floats: Vec<f64> = Vec::new();
    for item in items {
        match scalar(tree, item)? {
            Scalar::Text(text) => texts.push(text),
            Scalar::Integer(value) => {
                integers.push(value);
                floats.push(value as f64);
            }
            Scalar::Float(value) => floats.push(value),
        }
    }
    let data = if texts.len() == items.len() {
        Data::Texts(texts)
    } else if integers.len() == items.len() {
        numbers(
            "int64",
            integers.iter().flat_map(|value| value.to_le_bytes()).collect(),
        )?
    } else if floats.len() == items.len() {
        numbers(
            "float64",
            floats.iter().flat_map(|value| value.to_le_bytes()).collect(),
        )?
    } else {
        return Err(Error::new(
            Kind::Data,
            "it mixes texts and numbers",
            "save texts and numbers in files of their own",
        ));
    };
    Ok(Array { shape, data })
}

fn numbers(name: &str, bytes: Vec<u8>) -> Result<Data> {
    match dtype::by_name(name) {
        Some(dtype) => Ok(Data::Numbers { dtype, bytes }),
        None => Err(Error::corrupt("an element type is missing")),
    }
}

enum Scalar {
    Text(String),
    Integer(i64),
    Float(f64),
}

fn scalar(tree: &Tree, value: &Value) -> Result<Scalar> {
    match value {
        Value::Str(text) => return Ok(Scalar::Text(text.to_string())),
        Value::Int(value) => return Ok(Scalar::Integer(*value)),
        Value::Bool(value) => return Ok(Scalar::Integer(i64::from(*value))),
        Value::Float(value) => return Ok(Scalar::Float(*value)),
        Value::Bytes(bytes) => {
            return Ok(Scalar::Text(bytes.iter().map(|&byte| char::from(byte)).collect()));
        }
        _ => {}
    }
    // numpy.core.multiarray.scalar(dtype, bytes)
    if let Some(Node::Object(object)) = node(tree, value)
        && is(object, "scalar")
        && let Some(Node::Tuple(args)) = node(tree, &object.args)
        && let [dtype, Value::Bytes(bytes)] = args.as_slice()
    {
        let single = array(element(tree, dtype)?, Vec::new(), false, bytes)?;
        return match &single.data {
            Data::Texts(texts) => Ok(Scalar::Text(texts.first().cloned().unwrap_or_default())),
            Data::Numbers { dtype, bytes } => match super::integer(dtype.name, bytes) {
                super::Number::Integer(value) => Ok(Scalar::Integer(value)),
                super::Number::Float(value) => Ok(Scalar::Float(value)),
                super::Number::Other => {
                    Err(Error::corrupt(format!("elements of {} are not read", dtype.name)))
                }
            },
        };
    }
    let what = match node(tree, value) {
        Some(Node::Object(object)) => object.class.to_string(),
        Some(Node::List(_) | Node::Tuple(_)) => "a list".into(),
        Some(Node::Dict { .. }) => "a dict".into(),
        _ => "something".into(),
    };
    Err(Error::new(
        Kind::Data,
        format!("it holds {what} where a text or a number is expected"),
        "save a plain array of texts or numbers",
    ))
}

/// Whether an object was made by that function of NumPy's, whose module has moved once.
fn is(object: &Object, function: &str) -> bool {
    matches!(
        object.class.strip_suffix(function),
        Some("numpy.core.multiarray." | "numpy._core.multiarray.")
    )
}

fn node<'t>(tree: &'t Tree, value: &Value) -> Option<&'t Node> {
    match value {
        Value::Node(id) => tree.nodes.get(*id as usize),
        _ => None,
    }
}
