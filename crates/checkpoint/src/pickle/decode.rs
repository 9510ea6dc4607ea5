use std::{collections::HashMap, sync::Arc};

use super::{MAX_DEPTH, construct, opcode as op};
use crate::{
    error::{Error, Kind, Result},
    tree::{Node, Object, Tree, Value},
};

/// What a pickle may ask for at most.
#[derive(Clone, Copy, Debug)]
pub struct Limits {
    /// Values, containers and their slots together.
    pub values: usize,
    /// Containers inside containers.
    pub depth: usize,
    /// Bytes of one integer.
    pub int_bytes: usize,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            values: 20_000_000,
            depth: MAX_DEPTH,
            int_bytes: 65_536,
        }
    }
}

/// Bytes of a class's module and name.
const MAX_NAME: usize = 1024;

/// Builds the tree that a pickle describes. Executes nothing: constructors outside the closed set become
/// [`Node::Object`].
///
/// # Errors
/// Truncated or malformed input, opcodes of text protocols, limits exceeded, cycles; the message names the
/// offset in the pickle.
pub fn decode(bytes: &[u8], limits: Limits) -> Result<Tree> {
    decode_prefix(bytes, limits).map(|(tree, _)| tree)
}

/// As [`decode`], of a pickle that other bytes may follow; also tells its length.
///
/// # Errors
/// See [`decode`].
pub fn decode_prefix(bytes: &[u8], limits: Limits) -> Result<(Tree, usize)> {
    let mut decoder = Decoder {
        bytes,
        at: 0,
        opcode_at: 0,
        limits,
        values: 0,
        stack: Vec::new(),
        marks: Vec::new(),
        memo: HashMap::new(),
        tree: Tree {
            root: Value::None,
            nodes: Vec::new(),
            storages: Vec::new(),
        },
        storage_index: HashMap::new(),
    };
    while decoder.step()? {}
    let length = decoder.at;
    let mut tree = decoder.tree;
    tree.root = match decoder.stack.pop() {
        Some(root) if decoder.stack.is_empty() && decoder.marks.is_empty() => root,
        _ => return Err(Error::corrupt("pickle: it does not leave exactly one value")),
    };
    tree.check_depth(limits.depth)
        .map_err(|why| Error::corrupt(format!("pickle: {why}")))?;
    tree.compact();
    Ok((tree, length))
}

pub(super) struct Decoder<'a> {
    bytes: &'a [u8],
    at: usize,
    opcode_at: usize,
    limits: Limits,
    values: usize,
    stack: Vec<Value>,
    marks: Vec<usize>,
    memo: HashMap<u32, Value>,
    pub(super) tree: Tree,
    pub(super) storage_index: HashMap<String, usize>,
}

impl<'a> Decoder<'a> {
    /// Runs one opcode; false after `STOP`.
    fn step(&mut self) -> Result<bool> {
        self.opcode_at = self.at;
        match self.u8()? {
            op::STOP => return Ok(false),
            op::PROTO => {
                let protocol = self.u8()?;
                if !(2..=5).contains(&protocol) {
                    return Err(self.error(format!("protocol {protocol} is not one of 2 to 5")));
                }
            }
            op::FRAME => drop(self.take(8)?),
            op::MARK => {
                self.count(1)?;
                self.marks.push(self.stack.len())
            }
            op::POP => {
                if self.marks.last() == Some(&self.stack.len()) {
                    self.marks.pop();
                } else {
                    self.pop()?;
                }
            }
            op::POP_MARK => drop(self.pop_mark()?),
            op::DUP => {
                let top = self.top()?.clone();
                self.push(top)?
            }
            op::NONE => self.push(Value::None)?,
            op::NEWTRUE => self.push(Value::Bool(true))?,
            op::NEWFALSE => self.push(Value::Bool(false))?,
            op::BININT => {
                let value = self.u32()? as i32;
                self.push(Value::Int(value as i64))?
            }
            op::BININT1 => {
                let value = self.u8()?;
                self.push(Value::Int(value as i64))?
            }
            op::BININT2 => {
                let value = u16::from_le_bytes(self.array()?);
                self.push(Value::Int(value as i64))?
            }
            op::LONG1 => {
                let len = self.u8()? as usize;
                self.long(len)?
            }
            op::LONG4 => {
                let len = self.u32()? as usize;
                self.long(len)?
            }
            op::BINFLOAT => {
                let value = f64::from_be_bytes(self.array()?);
                self.push(Value::Float(value))?
            }
            code @ (op::BINUNICODE
            | op::SHORT_BINUNICODE
            | op::BINUNICODE8
            | op::BINSTRING
            | op::SHORT_BINSTRING) => {
                let len = match code {
                    op::BINUNICODE | op::BINSTRING => self.u32()? as u64,
                    op::BINUNICODE8 => u64::from_le_bytes(self.array()?),
                    _ => self.u8()? as u64,
                };
                let bytes = self.take_long(len)?;
                match std::str::from_utf8(bytes) {
                    Ok(text) => self.push(Value::Str(text.into()))?,
                    // A text of Python 2 is bytes of any kind.
                    Err(_) if matches!(code, op::BINSTRING | op::SHORT_BINSTRING) => {
                        self.push(Value::Bytes(bytes.into()))?
                    }
                    Err(_) => return Err(self.error("a string is not UTF-8")),
                }
            }
            code @ (op::BINBYTES | op::SHORT_BINBYTES | op::BINBYTES8 | op::BYTEARRAY8) => {
                let len = match code {
                    op::BINBYTES => self.u32()? as u64,
                    op::SHORT_BINBYTES => self.u8()? as u64,
                    _ => u64::from_le_bytes(self.array()?),
                };
                let bytes = self.take_long(len)?;
                self.push(Value::Bytes(bytes.into()))?
            }
            op::EMPTY_LIST => self.push_node(Node::List(Vec::new()))?,
            op::EMPTY_TUPLE => self.push_node(Node::Tuple(Vec::new()))?,
            op::EMPTY_SET => self.push_node(Node::Set(Vec::new()))?,
            op::EMPTY_DICT => self.push_node(dict(Vec::new()))?,
            op::LIST => {
                let items = self.pop_mark()?;
                self.push_node(Node::List(items))?
            }
            op::TUPLE => {
                let items = self.pop_mark()?;
                self.push_node(Node::Tuple(items))?
            }
            code @ (op::TUPLE1 | op::TUPLE2 | op::TUPLE3) => {
                let start = self.above_mark((code - op::TUPLE1 + 1) as usize)?;
                let items = self.stack.split_off(start);
                self.push_node(Node::Tuple(items))?
            }
            op::FROZENSET => {
                let items = self.pop_mark()?;
                self.check_keys(items.iter())?;
                self.push_node(Node::Set(items))?
            }
            op::DICT => {
                let items = self.pop_mark()?;
                let entries = self.pairs(items)?;
                self.push_node(dict(entries))?
            }
            op::APPEND => {
                let item = self.pop()?;
                self.extend(vec![item])?
            }
            op::APPENDS => {
                let items = self.pop_mark()?;
                self.extend(items)?
            }
            op::ADDITEMS => {
                let items = self.pop_mark()?;
                self.check_keys(items.iter())?;
                match self.top_node()? {
                    Node::Set(set) => set.extend(items),
                    _ => return Err(self.error("items are added to what is no set")),
                }
            }
            op::SETITEM => {
                let start = self.above_mark(2)?;
                let items = self.stack.split_off(start);
                self.set_items(items)?
            }
            op::SETITEMS => {
                let items = self.pop_mark()?;
                self.set_items(items)?
            }
            op::GLOBAL => {
                let (module, name) = (self.line()?, self.line()?);
                self.push_node(Node::Global(self.class_name(&module, &name)?))?
            }
            op::STACK_GLOBAL => {
                let (name, module) = (self.pop()?, self.pop()?);
                let (Value::Str(module), Value::Str(name)) = (module, name) else {
                    return Err(self.error("a class is named by something other than two strings"));
                };
                self.push_node(Node::Global(self.class_name(&module, &name)?))?
            }
            op::REDUCE | op::NEWOBJ => {
                let (args, callable) = (self.pop()?, self.pop()?);
                let value = self.construct(callable, args)?;
                self.push(value)?
            }
            op::NEWOBJ_EX => {
                let (keywords, args, class) = (self.pop()?, self.pop()?, self.pop()?);
                let both = self.add_node(Node::Tuple(vec![args, keywords]))?;
                let Some(class) = self.global(&class) else {
                    return Err(self.error("an object has no class"));
                };
                let object = self.add_object(class, both)?;
                self.push(object)?
            }
            op::BUILD => {
                let state = self.pop()?;
                match self.top_node()? {
                    Node::Dict { attributes, .. } => *attributes = Some(state),
                    Node::Object(object) => object.state = Some(state),
                    // State of tensors and the like: attributes that a user set; nothing of ours reads them.
                    Node::Tensor(_) => {}
                    _ => return Err(self.error("a state is given to a value that has none")),
                }
            }
            op::BINPERSID => {
                let id = self.pop()?;
                let node = construct::persistent(self, &id).map_err(|why| self.error(why))?;
                self.push_node(node)?
            }
            op::BINGET => {
                let key = self.u8()? as u32;
                self.get(key)?
            }
            op::LONG_BINGET => {
                let key = self.u32()?;
                self.get(key)?
            }
            op::BINPUT => {
                let key = self.u8()? as u32;
                self.put(key)?
            }
            op::LONG_BINPUT => {
                let key = self.u32()?;
                self.put(key)?
            }
            op::MEMOIZE => self.put(self.memo.len() as u32)?,
            code => {
                return Err(Error::new(
                    Kind::Data,
                    format!(
                        "pickle: opcode 0x{code:02x} at offset {} is not supported",
                        self.opcode_at
                    ),
                    "the file is damaged, or was pickled with protocol 0 or 1: save it again with torch.save's \
                     default protocol",
                ));
            }
        }
        Ok(true)
    }

    pub(super) fn error(&self, why: impl std::fmt::Display) -> Error {
        Error::corrupt(format!("pickle: {why} (offset {})", self.opcode_at))
    }

    /// Everything that takes memory is counted, copies that a constructor makes too.
    pub(super) fn count(&mut self, more: usize) -> Result<()> {
        self.values = self.values.saturating_add(more);
        if self.values > self.limits.values {
            return Err(self.error(format!("it holds more than {} values", self.limits.values)));
        }
        Ok(())
    }

    fn take(&mut self, len: usize) -> Result<&'a [u8]> {
        match self
            .at
            .checked_add(len)
            .and_then(|end| self.bytes.get(self.at..end))
        {
            Some(bytes) => {
                self.at += len;
                Ok(bytes)
            }
            None => Err(self.error("it is cut short")),
        }
    }

    fn take_long(&mut self, len: u64) -> Result<&'a [u8]> {
        let len = usize::try_from(len).map_err(|_| self.error("it is cut short"))?;
        self.take(len)
    }

    fn array<const N: usize>(&mut self) -> Result<[u8; N]> {
        let mut array = [0; N];
        array.copy_from_slice(self.take(N)?);
        Ok(array)
    }

    fn u8(&mut self) -> Result<u8> {
        Ok(self.array::<1>()?[0])
    }

    fn u32(&mut self) -> Result<u32> {
        Ok(u32::from_le_bytes(self.array()?))
    }

    fn line(&mut self) -> Result<String> {
        let rest = self.bytes.get(self.at..).unwrap_or_default();
        let len = rest.iter().take(MAX_NAME).position(|&byte| byte == b'\n');
        let Some(len) = len else {
            return Err(self.error("a class name has no end"));
        };
        let text = std::str::from_utf8(&rest[..len]).map_err(|_| self.error("a class name is not UTF-8"))?;
        self.at += len + 1;
        Ok(text.to_string())
    }

    fn class_name(&self, module: &str, name: &str) -> Result<Arc<str>> {
        if module.len() + name.len() > MAX_NAME {
            return Err(self.error("a class name is too long"));
        }
        Ok(construct::modern_name(module, name))
    }

    fn long(&mut self, len: usize) -> Result<()> {
        if len > self.limits.int_bytes {
            return Err(self.error(format!(
                "an integer has {len} bytes, more than {}",
                self.limits.int_bytes
            )));
        }
        let bytes = self.take(len)?;
        let value = int_from_bytes(bytes);
        self.push(value)
    }

    fn push(&mut self, value: Value) -> Result<()> {
        self.count(1)?;
        self.stack.push(value);
        Ok(())
    }

    fn push_node(&mut self, node: Node) -> Result<()> {
        let value = self.add_node(node)?;
        self.push(value)
    }

    pub(super) fn add_node(&mut self, node: Node) -> Result<Value> {
        self.count(1)?;
        let id = self.tree.nodes.len() as u32;
        self.tree.nodes.push(node);
        Ok(Value::Node(id))
    }

    pub(super) fn add_object(&mut self, class: Arc<str>, args: Value) -> Result<Value> {
        self.add_node(Node::Object(Object {
            class,
            args,
            state: None,
            items: Vec::new(),
            entries: Vec::new(),
        }))
    }

    /// Where the topmost `n` values start, if all lie above the last mark.
    fn above_mark(&self, n: usize) -> Result<usize> {
        let floor = self.marks.last().copied().unwrap_or(0);
        match self.stack.len().checked_sub(n) {
            Some(start) if start >= floor => Ok(start),
            _ => Err(self.error("its stack is empty")),
        }
    }

    fn pop(&mut self) -> Result<Value> {
        let at = self.above_mark(1)?;
        Ok(self.stack.remove(at))
    }

    fn top(&self) -> Result<&Value> {
        Ok(&self.stack[self.above_mark(1)?])
    }

    fn top_node(&mut self) -> Result<&mut Node> {
        match *self.top()? {
            Value::Node(id) => Ok(&mut self.tree.nodes[id as usize]),
            _ => Err(self.error("a plain value is used as a container")),
        }
    }

    fn pop_mark(&mut self) -> Result<Vec<Value>> {
        let Some(mark) = self.marks.pop() else {
            return Err(self.error("a mark is missing"));
        };
        Ok(self.stack.split_off(mark))
    }

    fn get(&mut self, key: u32) -> Result<()> {
        let Some(value) = self.memo.get(&key).cloned() else {
            return Err(self.error(format!("it refers to entry {key} that it never made")));
        };
        self.push(value)
    }

    fn put(&mut self, key: u32) -> Result<()> {
        let value = self.top()?.clone();
        self.count(1)?;
        self.memo.insert(key, value);
        Ok(())
    }

    fn extend(&mut self, more: Vec<Value>) -> Result<()> {
        match self.top_node()? {
            Node::List(items) => items.extend(more),
            Node::Object(object) => object.items.extend(more),
            _ => return Err(self.error("items are appended to what is no list")),
        }
        Ok(())
    }

    fn set_items(&mut self, flat: Vec<Value>) -> Result<()> {
        let more = self.pairs(flat)?;
        match self.top_node()? {
            Node::Dict { entries, .. } => entries.extend(more),
            Node::Object(object) => object.entries.extend(more),
            _ => return Err(self.error("items are set in what is no dict")),
        }
        Ok(())
    }

    pub(super) fn pairs(&self, flat: Vec<Value>) -> Result<Vec<(Value, Value)>> {
        if !flat.len().is_multiple_of(2) {
            return Err(self.error("a dict has a key without a value"));
        }
        self.check_keys(flat.iter().step_by(2))?;
        let mut flat = flat.into_iter();
        let mut pairs = Vec::with_capacity(flat.len() / 2);
        while let (Some(key), Some(value)) = (flat.next(), flat.next()) {
            pairs.push((key, value));
        }
        Ok(pairs)
    }

    /// Only what Python can hash is a key; of containers those are tuples, classes and instances.
    pub(super) fn check_keys<'v>(&self, keys: impl Iterator<Item = &'v Value>) -> Result<()> {
        for key in keys {
            if let Value::Node(id) = key
                && matches!(self.tree.nodes[*id as usize], Node::List(_) | Node::Dict { .. })
            {
                return Err(self.error("a list or dict is used as a key"));
            }
        }
        Ok(())
    }

    pub(super) fn node(&self, value: &Value) -> Option<&Node> {
        match value {
            Value::Node(id) => self.tree.nodes.get(*id as usize),
            _ => None,
        }
    }

    pub(super) fn global(&self, value: &Value) -> Option<Arc<str>> {
        match self.node(value) {
            Some(Node::Global(name)) => Some(name.clone()),
            _ => None,
        }
    }

    fn construct(&mut self, callable: Value, args: Value) -> Result<Value> {
        let Some(name) = self.global(&callable) else {
            return Err(self.error("something other than a class is called"));
        };
        let items = match self.node(&args) {
            Some(Node::Tuple(items)) => items.clone(),
            _ => return Err(self.error(format!("{name} is called without a tuple of arguments"))),
        };
        self.count(items.len())?;
        construct::construct(self, name, items, args)
    }
}

pub(super) fn dict(entries: Vec<(Value, Value)>) -> Node {
    Node::Dict {
        ordered: false,
        entries,
        attributes: None,
    }
}

fn int_from_bytes(bytes: &[u8]) -> Value {
    let sign = if bytes.last().is_some_and(|last| last & 0x80 != 0) {
        0xff
    } else {
        0
    };
    let (low, high) = bytes.split_at(bytes.len().min(8));
    // Redundant sign bytes above the low eight change nothing.
    let mut array = [sign; 8];
    array[..low.len()].copy_from_slice(low);
    let value = i64::from_le_bytes(array);
    if high.iter().all(|&byte| byte == sign) && (value < 0) == (sign != 0) {
        Value::Int(value)
    } else {
        Value::BigInt(bytes.into())
    }
}
