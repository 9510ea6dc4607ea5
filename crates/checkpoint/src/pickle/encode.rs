use std::collections::HashMap;

use super::{MAX_DEPTH, opcode as op};
use crate::{
    error::{Error, Result},
    tree::{Node, Tensor, Tree, Value, contiguous_strides},
};

enum Task<'t> {
    Value(&'t Value),
    Op(u8),
    Remember(u32),
}

/// A tree as a protocol 2 pickle that `torch.load(weights_only=True)` accepts: tensors are contiguous and start
/// their storages, bytes are latin1 text. A node that is referred to twice is written once.
///
/// # Errors
/// Cycles and nesting beyond [`MAX_DEPTH`], objects and classes outside the closed set, and strings or integers beyond the format's limits.
pub fn encode(tree: &Tree) -> Result<Vec<u8>> {
    tree.check_depth(MAX_DEPTH)
        .map_err(|why| Error::usage(why, "store a flatter value without cycles"))?;
    let mut encoder = Encoder {
        tree,
        out: vec![op::PROTO, 2],
        nodes: HashMap::new(),
        names: HashMap::new(),
        next: 0,
        tasks: Vec::new(),
    };
    let shared = shared_nodes(tree);
    encoder.tasks.push(Task::Value(&tree.root));
    while let Some(task) = encoder.tasks.pop() {
        match task {
            Task::Op(code) => encoder.out.push(code),
            Task::Remember(id) => {
                if shared[id as usize] {
                    let key = encoder.put();
                    encoder.nodes.insert(id, key);
                }
            }
            Task::Value(value) => encoder.value(value)?,
        }
    }
    encoder.out.push(op::STOP);
    Ok(encoder.out)
}

fn shared_nodes(tree: &Tree) -> Vec<bool> {
    let mut seen = vec![0u8; tree.nodes.len()];
    let mut count = |id: u32| {
        if let Some(n) = seen.get_mut(id as usize) {
            *n = n.saturating_add(1)
        }
    };
    for node in &tree.nodes {
        node.children(&mut count);
    }
    seen.into_iter().map(|n| n > 1).collect()
}

struct Encoder<'t> {
    tree: &'t Tree,
    out: Vec<u8>,
    nodes: HashMap<u32, u32>,
    names: HashMap<(&'static str, &'static str), u32>,
    next: u32,
    tasks: Vec<Task<'t>>,
}

impl<'t> Encoder<'t> {
    fn value(&mut self, value: &'t Value) -> Result<()> {
        match value {
            Value::None => self.out.push(op::NONE),
            Value::Bool(true) => self.out.push(op::NEWTRUE),
            Value::Bool(false) => self.out.push(op::NEWFALSE),
            Value::Int(value) => self.int(*value),
            Value::BigInt(bytes) => match u8::try_from(bytes.len()) {
                Ok(len) => {
                    self.out.extend_from_slice(&[op::LONG1, len]);
                    self.out.extend_from_slice(bytes);
                }
                Err(_) => {
                    return Err(Error::usage(
                        "an integer has more than 2040 bits",
                        "store it as text or bytes",
                    ));
                }
            },
            Value::Float(value) => {
                self.out.push(op::BINFLOAT);
                self.out.extend_from_slice(&value.to_be_bytes());
            }
            Value::Str(text) => self.text(text)?,
            Value::Bytes(bytes) => {
                self.name("_codecs", "encode");
                let text: String = bytes.iter().map(|&byte| byte as char).collect();
                self.text(&text)?;
                self.text("latin1")?;
                self.out.extend_from_slice(&[op::TUPLE2, op::REDUCE]);
            }
            Value::Node(id) => match self.nodes.get(id) {
                Some(&key) => self.get(key),
                None => self.node(*id)?,
            },
        }
        Ok(())
    }

    fn node(&mut self, id: u32) -> Result<()> {
        let tree = self.tree;
        match &tree.nodes[id as usize] {
            Node::List(items) => {
                self.out.push(op::EMPTY_LIST);
                self.fill(items.iter(), op::APPENDS);
                self.tasks.push(Task::Remember(id));
            }
            Node::Dict {
                ordered,
                entries,
                attributes,
            } => {
                if *ordered {
                    self.ordered_dict();
                } else {
                    self.out.push(op::EMPTY_DICT);
                }
                if let Some(attributes) = attributes {
                    self.tasks.push(Task::Op(op::BUILD));
                    self.tasks.push(Task::Value(attributes));
                }
                self.fill(entries.iter().flat_map(|(key, value)| [key, value]), op::SETITEMS);
                self.tasks.push(Task::Remember(id));
            }
            Node::Tuple(items) => {
                self.tasks.push(Task::Remember(id));
                let code = match items.len() {
                    0 => op::EMPTY_TUPLE,
                    1 => op::TUPLE1,
                    2 => op::TUPLE2,
                    3 => op::TUPLE3,
                    _ => {
                        self.out.push(op::MARK);
                        op::TUPLE
                    }
                };
                self.tasks.push(Task::Op(code));
                self.tasks.extend(items.iter().rev().map(Task::Value));
            }
            Node::Set(items) => {
                self.name("__builtin__", "set");
                self.out.push(op::EMPTY_LIST);
                self.tasks
                    .extend([Task::Remember(id), Task::Op(op::REDUCE), Task::Op(op::TUPLE1)]);
                self.fill(items.iter(), op::APPENDS);
            }
            Node::Tensor(tensor) => {
                self.tensor(tensor)?;
                self.tasks.push(Task::Remember(id));
            }
            Node::Storage(_) => {
                return Err(Error::usage(
                    "a bare storage cannot be written",
                    "wrap it in a tensor",
                ));
            }
            Node::Global(name) => {
                return Err(Error::usage(
                    format!("the class {name} cannot be written"),
                    "store only tensors and plain values",
                ));
            }
            Node::Object(object) => {
                return Err(Error::usage(
                    format!("an object of class {} cannot be written", object.class),
                    "replace it by a dict of plain values",
                ));
            }
        }
        Ok(())
    }

    /// Schedules items between a mark and `code`; nothing for an empty container.
    fn fill(&mut self, items: impl DoubleEndedIterator<Item = &'t Value>, code: u8) {
        let mut items = items.rev().peekable();
        if items.peek().is_none() {
            return;
        }
        self.tasks.push(Task::Op(code));
        self.tasks.extend(items.map(Task::Value));
        self.tasks.push(Task::Op(op::MARK));
    }

    fn tensor(&mut self, tensor: &Tensor) -> Result<()> {
        if tensor.offset != 0 || !tensor.is_contiguous() {
            return Err(Error::usage(
                "a strided tensor cannot be written",
                "make it contiguous first",
            ));
        }
        let storage = &self.tree.storages[tensor.storage];
        if tensor.parameter {
            self.name("torch._utils", "_rebuild_parameter");
        }
        match tensor.dtype.storage {
            Some(_) => self.name("torch._utils", "_rebuild_tensor_v2"),
            None => self.name("torch._utils", "_rebuild_tensor_v3"),
        }
        self.out.extend_from_slice(&[op::MARK, op::MARK]);
        self.text("storage")?;
        match tensor.dtype.storage {
            Some(class) => self.name("torch", class),
            None => self.name("torch.storage", "UntypedStorage"),
        }
        self.text(&storage.key)?;
        self.text("cpu")?;
        let element = if tensor.dtype.storage.is_some() {
            tensor.dtype.size as u64
        } else {
            1
        };
        self.int((storage.bytes / element) as i64);
        self.out.extend_from_slice(&[op::TUPLE, op::BINPERSID]);
        self.int(0);
        self.sizes(&tensor.shape);
        self.sizes(&contiguous_strides(&tensor.shape));
        // A parameter's data does not itself require gradients.
        self.bool(tensor.requires_grad && !tensor.parameter);
        self.ordered_dict();
        if tensor.dtype.storage.is_none() {
            self.name("torch", tensor.dtype.name);
        }
        self.out.extend_from_slice(&[op::TUPLE, op::REDUCE]);
        if tensor.parameter {
            self.bool(tensor.requires_grad);
            self.ordered_dict();
            self.out.extend_from_slice(&[op::TUPLE3, op::REDUCE]);
        }
        Ok(())
    }

    fn ordered_dict(&mut self) {
        self.name("collections", "OrderedDict");
        self.out.extend_from_slice(&[op::EMPTY_TUPLE, op::REDUCE]);
    }

    fn bool(&mut self, value: bool) {
        self.out.push(if value { op::NEWTRUE } else { op::NEWFALSE });
    }

    fn sizes(&mut self, sizes: &[u64]) {
        self.out.push(op::MARK);
        for &size in sizes {
            self.int(size as i64);
        }
        self.out.push(op::TUPLE);
    }

    fn int(&mut self, value: i64) {
        if let Ok(small) = u8::try_from(value) {
            self.out.extend_from_slice(&[op::BININT1, small]);
        } else if let Ok(value) = u16::try_from(value) {
            self.out.push(op::BININT2);
            self.out.extend_from_slice(&value.to_le_bytes());
        } else if let Ok(value) = i32::try_from(value) {
            self.out.push(op::BININT);
            self.out.extend_from_slice(&value.to_le_bytes());
        } else {
            self.out.extend_from_slice(&[op::LONG1, 8]);
            self.out.extend_from_slice(&value.to_le_bytes());
        }
    }

    fn text(&mut self, text: &str) -> Result<()> {
        let len = u32::try_from(text.len())
            .map_err(|_| Error::usage("a string has more than 4 GiB", "store it as a uint8 tensor"))?;
        self.out.push(op::BINUNICODE);
        self.out.extend_from_slice(&len.to_le_bytes());
        self.out.extend_from_slice(text.as_bytes());
        Ok(())
    }

    fn name(&mut self, module: &'static str, name: &'static str) {
        if let Some(&key) = self.names.get(&(module, name)) {
            return self.get(key);
        }
        self.out.push(op::GLOBAL);
        self.out
            .extend_from_slice(format!("{module}\n{name}\n").as_bytes());
        let key = self.put();
        self.names.insert((module, name), key);
    }

    fn put(&mut self) -> u32 {
        let key = self.next;
        self.next += 1;
        match u8::try_from(key) {
            Ok(short) => self.out.extend_from_slice(&[op::BINPUT, short]),
            Err(_) => {
                self.out.push(op::LONG_BINPUT);
                self.out.extend_from_slice(&key.to_le_bytes());
            }
        }
        key
    }

    fn get(&mut self, key: u32) {
        match u8::try_from(key) {
            Ok(short) => self.out.extend_from_slice(&[op::BINGET, short]),
            Err(_) => {
                self.out.push(op::LONG_BINGET);
                self.out.extend_from_slice(&key.to_le_bytes());
            }
        }
    }
}
