//! What `torch.save` wrote before PyTorch 1.6: a magic number, a protocol number, facts about the machine and the
//! saved value as four pickles, then the list of storage keys as a fifth, then each storage as a count of elements
//! and its bytes.

use std::{
    collections::HashMap,
    io::{Read, Seek, SeekFrom},
};

use crate::{
    error::{Error, Kind, Result},
    pickle::{self, Limits},
    torch_file::{MAX_PICKLE, TorchFile},
    tree::{Node, Tree, Value},
};

/// The magic number 0x1950a86a20f9469cfc6c as pickle stores it.
const MAGIC: &[u8] = &[
    0x8a, 0x0a, 0x6c, 0xfc, 0x9c, 0x46, 0xf9, 0x20, 0x6a, 0xa8, 0x50, 0x19,
];
const PROTOCOL: i64 = 1001;
/// What is read at first to find the pickles' end; more is read while that is too little.
const FIRST_READ: u64 = 1 << 20;

/// Whether a file begins as this format does.
pub(crate) fn starts_like_one(head: &[u8]) -> bool {
    head.starts_with(&[0x80]) && head.get(2..).is_some_and(|rest| rest.starts_with(MAGIC))
}

/// Reads a whole file.
///
/// # Errors
/// Cut short, corrupt, hostile, or of a big-endian machine.
pub(crate) fn read<R: Read + Seek>(mut source: R) -> Result<TorchFile> {
    let length = source.seek(SeekFrom::End(0)).map_err(Error::unreadable)?;
    let (tree, keys, end) = read_pickles(&mut source, length)?;
    source.seek(SeekFrom::Start(end)).map_err(Error::unreadable)?;
    let mut left = length - end;
    let mut found: Vec<Option<Vec<u8>>> = tree.storages.iter().map(|_| None).collect();
    let index_of: HashMap<&str, usize> = tree
        .storages
        .iter()
        .enumerate()
        .map(|(index, storage)| (&*storage.key, index))
        .collect();
    for key in keys {
        let mut count = [0; 8];
        source.read_exact(&mut count).map_err(Error::unreadable)?;
        left = left.saturating_sub(8);
        let count = u64::from_le_bytes(count);
        let Some(&index) = index_of.get(&*key) else {
            return Err(Error::corrupt(format!(
                "the storage {key} is of no use: its size is not known"
            )));
        };
        let bytes = tree.storages[index].bytes;
        if bytes > left {
            return Err(Error::corrupt(format!("it is cut short in the storage {key}")));
        }
        // An untyped storage counts bytes; for all others the pickle has multiplied by the element's size.
        if count > bytes || (count == 0) != (bytes == 0) || (count > 0 && !bytes.is_multiple_of(count)) {
            return Err(Error::corrupt(format!(
                "the storage {key} has {count} elements, which do not make {bytes} bytes"
            )));
        }
        let mut data = Vec::new();
        source
            .by_ref()
            .take(bytes)
            .read_to_end(&mut data)
            .map_err(Error::unreadable)?;
        if data.len() as u64 != bytes {
            return Err(Error::corrupt(format!("it is cut short in the storage {key}")));
        }
        left -= bytes;
        found[index] = Some(data);
    }
    let storages = tree
        .storages
        .iter()
        .zip(found)
        .map(|(storage, data)| {
            data.ok_or_else(|| Error::corrupt(format!("the storage {} is missing", storage.key)))
        })
        .collect::<Result<Vec<_>>>()?;
    Ok(TorchFile::new(tree, storages))
}

/// The saved value, the keys of the storages that follow, and where they begin.
fn read_pickles<R: Read + Seek>(source: &mut R, length: u64) -> Result<(Tree, Vec<String>, u64)> {
    let mut head = Vec::new();
    let mut wanted = FIRST_READ;
    loop {
        source.rewind().map_err(Error::unreadable)?;
        head.clear();
        source
            .by_ref()
            .take(wanted)
            .read_to_end(&mut head)
            .map_err(Error::unreadable)?;
        match parse(&head) {
            Err(_) if wanted < length && wanted < MAX_PICKLE => wanted = wanted.saturating_mul(8),
            other => return other,
        }
    }
}

fn parse(head: &[u8]) -> Result<(Tree, Vec<String>, u64)> {
    let mut at = 0;
    let mut next = || -> Result<Tree> {
        let (tree, length) = pickle::decode_prefix(&head[at..], Limits::default())?;
        at += length;
        Ok(tree)
    };
    next()?;
    if next()?.root != Value::Int(PROTOCOL) {
        return Err(Error::corrupt("its protocol is not 1001"));
    }
    if is_big_endian(&next()?) {
        return Err(Error::new(
            Kind::Data,
            "its byte order is not little-endian",
            "save it again on a little-endian machine",
        ));
    }
    let value = next()?;
    let keys = strings(&next()?).ok_or_else(|| Error::corrupt("its list of storages is no list of names"))?;
    Ok((value, keys, at as u64))
}

fn is_big_endian(facts: &Tree) -> bool {
    let Value::Node(id) = facts.root else {
        return false;
    };
    let Node::Dict { entries, .. } = &facts.nodes[id as usize] else {
        return false;
    };
    entries.iter().any(|(key, value)| {
        matches!(key, Value::Str(name) if &**name == "little_endian") && *value == Value::Bool(false)
    })
}

fn strings(tree: &Tree) -> Option<Vec<String>> {
    let Value::Node(id) = tree.root else {
        return None;
    };
    let Node::List(items) = &tree.nodes[id as usize] else {
        return None;
    };
    items
        .iter()
        .map(|item| match item {
            Value::Str(text) => Some(text.to_string()),
            _ => None,
        })
        .collect()
}
