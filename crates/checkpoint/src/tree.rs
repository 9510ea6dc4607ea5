use std::sync::Arc;

use crate::dtype::DType;

/// A Python value. Containers live in [`Tree::nodes`], so shared objects stay shared and nothing recurses.
#[derive(Clone, Debug, PartialEq)]
pub enum Value {
    None,
    Bool(bool),
    Int(i64),
    /// Little-endian two's complement, as pickle has it; only what `i64` cannot hold.
    BigInt(Arc<[u8]>),
    Float(f64),
    Str(Arc<str>),
    Bytes(Arc<[u8]>),
    Node(u32),
}

#[derive(Clone, Debug, PartialEq)]
pub enum Node {
    List(Vec<Value>),
    Tuple(Vec<Value>),
    Set(Vec<Value>),
    Dict {
        /// `collections.OrderedDict`
        ordered: bool,
        entries: Vec<(Value, Value)>,
        /// What the instance's `__dict__` held, such as a state dict's `_metadata`.
        attributes: Option<Value>,
    },
    Tensor(Tensor),
    /// A storage by itself, not behind a tensor.
    Storage(StorageRef),
    /// A class or function that was named but not called.
    Global(Arc<str>),
    /// An instance of a class outside the closed set: remembered, never built.
    Object(Object),
}

#[derive(Clone, Debug, PartialEq)]
pub struct Object {
    /// `argparse.Namespace`
    pub class: Arc<str>,
    pub args: Value,
    pub state: Option<Value>,
    pub items: Vec<Value>,
    pub entries: Vec<(Value, Value)>,
}

#[derive(Clone, Debug, PartialEq)]
pub struct StorageRef {
    /// Index into [`Tree::storages`].
    pub index: usize,
    pub dtype: Option<&'static DType>,
}

/// A strided view of a storage; offset and strides in elements.
#[derive(Clone, Debug, PartialEq)]
pub struct Tensor {
    pub dtype: &'static DType,
    pub storage: usize,
    pub offset: u64,
    pub shape: Vec<u64>,
    pub stride: Vec<u64>,
    pub requires_grad: bool,
    /// `torch.nn.Parameter`
    pub parameter: bool,
}

impl Tensor {
    /// Elements; `None` when the product overflows.
    pub fn numel(&self) -> Option<u64> {
        if self.shape.contains(&0) {
            return Some(0);
        }
        self.shape
            .iter()
            .try_fold(1u64, |product, &size| product.checked_mul(size))
    }

    pub fn is_contiguous(&self) -> bool {
        let mut expected = 1u64;
        for (&size, &stride) in self.shape.iter().zip(&self.stride).rev() {
            if size == 0 {
                return true;
            }
            if size != 1 {
                if stride != expected {
                    return false;
                }
                expected = expected.saturating_mul(size);
            }
        }
        true
    }

    /// The first byte and the number of bytes that the view spans in its storage; `None` on overflow.
    pub fn span(&self) -> Option<(u64, u64)> {
        let size = self.dtype.size as u64;
        let start = self.offset.checked_mul(size)?;
        if self.numel()? == 0 {
            return Some((start, 0));
        }
        let mut last = 0u64;
        for (&n, &stride) in self.shape.iter().zip(&self.stride) {
            last = last.checked_add((n - 1).checked_mul(stride)?)?;
        }
        let bytes = last.checked_add(1)?.checked_mul(size)?;
        start.checked_add(bytes)?;
        Some((start, bytes))
    }
}

/// A record `data/KEY` of the archive.
#[derive(Clone, Debug, PartialEq)]
pub struct Storage {
    pub key: String,
    pub bytes: u64,
}

#[derive(Clone, Debug, PartialEq)]
pub struct Tree {
    pub root: Value,
    pub nodes: Vec<Node>,
    pub storages: Vec<Storage>,
}

/// Contiguous strides for a shape.
pub fn contiguous_strides(shape: &[u64]) -> Vec<u64> {
    let mut strides = vec![1; shape.len()];
    for i in (1..shape.len()).rev() {
        strides[i - 1] = u64::saturating_mul(strides[i], shape[i].max(1));
    }
    strides
}

impl Node {
    /// Calls `visit` with every node that this one holds.
    pub fn children(&self, mut visit: impl FnMut(u32)) {
        let mut see = |value: &Value| {
            if let Value::Node(id) = value {
                visit(*id)
            }
        };
        match self {
            Node::List(items) | Node::Tuple(items) | Node::Set(items) => items.iter().for_each(see),
            Node::Dict {
                entries, attributes, ..
            } => {
                for (key, value) in entries {
                    see(key);
                    see(value);
                }
                attributes.iter().for_each(see);
            }
            Node::Object(object) => {
                see(&object.args);
                object.state.iter().for_each(&mut see);
                object.items.iter().for_each(&mut see);
                for (key, value) in &object.entries {
                    see(key);
                    see(value);
                }
            }
            Node::Tensor(_) | Node::Storage(_) | Node::Global(_) => {}
        }
    }

    fn for_each_value(&mut self, mut visit: impl FnMut(&mut Value)) {
        match self {
            Node::List(items) | Node::Tuple(items) | Node::Set(items) => items.iter_mut().for_each(visit),
            Node::Dict {
                entries, attributes, ..
            } => {
                for (key, value) in entries {
                    visit(key);
                    visit(value);
                }
                attributes.iter_mut().for_each(visit);
            }
            Node::Object(object) => {
                visit(&mut object.args);
                object.state.iter_mut().for_each(&mut visit);
                object.items.iter_mut().for_each(&mut visit);
                for (key, value) in &mut object.entries {
                    visit(key);
                    visit(value);
                }
            }
            Node::Tensor(_) | Node::Storage(_) | Node::Global(_) => {}
        }
    }
}

impl Tree {
    /// Walks from the root: every value nested at most `limit` deep, none that holds itself.
    ///
    /// # Errors
    /// One sentence that says which.
    pub fn check_depth(&self, limit: usize) -> Result<(), String> {
        let Value::Node(root) = self.root else {
            return Ok(());
        };
        // Height of a finished node; 0 while it is unseen, MAX while it is open.
        let mut height = vec![0u32; self.nodes.len()];
        let mut stack: Vec<(u32, bool)> = vec![(root, false)];
        let mut children = Vec::new();
        while let Some((id, done)) = stack.pop() {
            let Some(node) = self.nodes.get(id as usize) else {
                return Err(format!("there is no node {id}"));
            };
            children.clear();
            if done {
                node.children(|child| children.push(child));
                let deepest = children
                    .iter()
                    .map(|&child| height[child as usize])
                    .max()
                    .unwrap_or(0);
                if deepest == u32::MAX {
                    return Err("a container holds itself".into());
                }
                if deepest as usize >= limit {
                    return Err(format!("values are nested more than {limit} deep"));
                }
                height[id as usize] = deepest + 1;
                continue;
            }
            match height[id as usize] {
                0 => {}
                u32::MAX => return Err("a container holds itself".into()),
                _ => continue,
            }
            height[id as usize] = u32::MAX;
            stack.push((id, true));
            node.children(|child| children.push(child));
            for &child in &children {
                match height.get(child as usize) {
                    Some(0) => stack.push((child, false)),
                    Some(&u32::MAX) => return Err("a container holds itself".into()),
                    Some(_) => {}
                    None => return Err(format!("there is no node {child}")),
                }
            }
        }
        Ok(())
    }

    /// Leaves out nodes that the root does not reach, and storages that no remaining node uses.
    pub fn compact(&mut self) {
        let mut new_id = vec![u32::MAX; self.nodes.len()];
        let mut order = Vec::new();
        let mut stack: Vec<u32> = Vec::new();
        if let Value::Node(root) = self.root {
            stack.push(root);
        }
        while let Some(id) = stack.pop() {
            if new_id[id as usize] != u32::MAX {
                continue;
            }
            new_id[id as usize] = order.len() as u32;
            order.push(id);
            self.nodes[id as usize].children(|child| {
                if new_id[child as usize] == u32::MAX {
                    stack.push(child)
                }
            });
        }
        let mut old = std::mem::take(&mut self.nodes);
        self.nodes = order
            .iter()
            .map(|&id| std::mem::replace(&mut old[id as usize], Node::List(Vec::new())))
            .collect();
        let renumber = |value: &mut Value| {
            if let Value::Node(id) = value {
                *id = new_id[*id as usize]
            }
        };
        renumber(&mut self.root);
        let mut used = vec![false; self.storages.len()];
        for node in &mut self.nodes {
            node.for_each_value(renumber);
            match node {
                Node::Tensor(Tensor { storage, .. }) | Node::Storage(StorageRef { index: storage, .. }) => {
                    used[*storage] = true
                }
                _ => {}
            }
        }
        let new_index: Vec<usize> = used
            .iter()
            .scan(0, |next, &used| {
                let index = *next;
                *next += used as usize;
                Some(index)
            })
            .collect();
        let mut used = used.into_iter();
        self.storages.retain(|_| used.next().unwrap_or(false));
        for node in &mut self.nodes {
            if let Node::Tensor(Tensor { storage, .. }) | Node::Storage(StorageRef { index: storage, .. }) =
                node
            {
                *storage = new_index[*storage]
            }
        }
    }
}
