//! Random trees survive being written and read; random damage gives errors, never panics.

use std::io::Cursor;

use vissl_checkpoint::{
    dtype::DTYPES,
    json, pickle,
    torch_file::{read_from, write_to},
    tree::{Node, Storage, Tensor, Tree, Value, contiguous_strides},
    zip,
};

struct Random(u64);

impl Random {
    fn next(&mut self) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0
    }

    fn below(&mut self, n: usize) -> usize {
        (self.next() % n as u64) as usize
    }
}

fn scalar(random: &mut Random) -> Value {
    match random.below(9) {
        0 => Value::None,
        1 => Value::Bool(random.below(2) == 0),
        2 => Value::Int(random.next() as i64 >> random.below(64)),
        3 => Value::Float(f64::from_bits(random.next() & !(0x7ff << 52) | 0x3ff << 52)),
        4 => Value::Float([0.0, -0.0, f64::INFINITY, f64::NEG_INFINITY, 1e-310, 3.0][random.below(6)]),
        5 => Value::Str(["", "weight", "ключ", "a\nb\"\\", "𝄞\0"][random.below(5)].into()),
        6 => Value::Bytes((0..random.below(20)).map(|_| random.next() as u8).collect()),
        // Beyond 64 bits and in shortest form.
        7 => Value::BigInt((0..9).map(|_| random.next() as u8).chain([0x11]).collect()),
        _ => Value::BigInt((0..9).map(|_| random.next() as u8).chain([0xa1]).collect()),
    }
}

/// Nodes refer to earlier ones only, so there are no cycles, and some are shared.
fn tree(random: &mut Random) -> (Tree, Vec<Vec<u8>>) {
    let mut tree = Tree {
        root: Value::None,
        nodes: Vec::new(),
        storages: Vec::new(),
    };
    let mut bytes = Vec::new();
    for id in 0..random.below(30) as u32 {
        let any = |random: &mut Random| match random.below(3) {
            0 if id > 0 => Value::Node(random.below(id as usize) as u32),
            _ => scalar(random),
        };
        let node = match random.below(5) {
            0 => Node::List((0..random.below(6)).map(|_| any(random)).collect()),
            1 => Node::Tuple((0..random.below(6)).map(|_| any(random)).collect()),
            2 => Node::Set((0..random.below(6)).map(|_| scalar(random)).collect()),
            3 => Node::Dict {
                ordered: random.below(2) == 0,
                entries: (0..random.below(6))
                    .map(|_| (scalar(random), any(random)))
                    .collect(),
                attributes: None,
            },
            _ => {
                let dtype = &DTYPES[random.below(DTYPES.len())];
                let shape: Vec<u64> = (0..random.below(4)).map(|_| random.below(4) as u64).collect();
                let size = shape.iter().product::<u64>() * dtype.size as u64;
                tree.storages.push(Storage {
                    key: tree.storages.len().to_string(),
                    bytes: size,
                });
                bytes.push((0..size).map(|_| random.next() as u8).collect());
                Node::Tensor(Tensor {
                    dtype,
                    storage: tree.storages.len() - 1,
                    offset: 0,
                    stride: contiguous_strides(&shape),
                    shape,
                    requires_grad: random.below(2) == 0,
                    parameter: random.below(2) == 0,
                })
            }
        };
        tree.nodes.push(node);
    }
    let all = (0..tree.nodes.len() as u32).map(Value::Node).collect();
    tree.root = Value::Node(tree.nodes.len() as u32);
    tree.nodes.push(Node::List(all));
    (tree, bytes)
}

fn write(tree: &Tree, bytes: &[Vec<u8>]) -> Vec<u8> {
    let storages: Vec<&[u8]> = bytes.iter().map(Vec::as_slice).collect();
    let mut out = Vec::new();
    write_to(&mut out, tree, &storages).expect("writable");
    out
}

/// Nodes numbered in the order of a walk and each tensor's bytes in that order, so that equal values are equal.
fn canonical(mut tree: Tree, bytes: Vec<Vec<u8>>) -> (Tree, Vec<Vec<u8>>) {
    let keys: Vec<String> = tree.storages.iter().map(|storage| storage.key.clone()).collect();
    tree.compact();
    let mut held = Vec::new();
    for node in &mut tree.nodes {
        if let Node::Tensor(tensor) = node {
            let key = &tree.storages[tensor.storage].key;
            held.push(bytes[keys.iter().position(|other| other == key).expect("known")].clone());
            tensor.storage = 0;
        }
    }
    tree.storages.clear();
    (tree, held)
}

#[test]
fn random_trees_round_trip() {
    let mut random = Random(0x9e37_79b9_7f4a_7c15);
    for _ in 0..500 {
        let (tree, bytes) = tree(&mut random);
        let file = read_from(Cursor::new(write(&tree, &bytes))).expect("readable");
        assert_eq!(canonical(file.tree, file.storages), canonical(tree, bytes));
    }
}

#[test]
fn random_trees_round_trip_through_json() {
    let mut random = Random(77);
    for _ in 0..200 {
        let (tree, bytes) = tree(&mut random);
        let (text, buffers) =
            json::from_file(read_from(Cursor::new(write(&tree, &bytes))).expect("readable")).expect("json");
        let buffers: Vec<&[u8]> = buffers.iter().map(Vec::as_slice).collect();
        let (again, of) = json::to_tree(&text, &buffers).expect("a tree");
        let bytes_again: Vec<Vec<u8>> = of.iter().map(|&buffer| buffers[buffer].to_vec()).collect();
        assert_eq!(canonical(again, bytes_again), canonical(tree, bytes));
    }
}

#[test]
fn damage_gives_errors_never_panics() {
    let mut random = Random(4242);
    let (mut refused, mut accepted) = (0, 0);
    for _ in 0..60 {
        let (tree, bytes) = tree(&mut random);
        let good = write(&tree, &bytes);
        for _ in 0..100 {
            let mut bad = good.clone();
            for _ in 0..1 + random.below(4) {
                let at = random.below(bad.len());
                bad[at] = random.next() as u8;
            }
            match read_from(Cursor::new(bad)).and_then(json::from_file) {
                Ok(_) => accepted += 1,
                Err(_) => refused += 1,
            }
        }
        for cut in (0..good.len()).step_by(97) {
            assert!(read_from(Cursor::new(&good[..cut])).is_err());
        }
    }
    assert!(refused > accepted);
}

#[test]
fn random_pickles_give_errors_never_panics() {
    let mut random = Random(31);
    for _ in 0..300 {
        let (tree, _) = tree(&mut random);
        let good = pickle::encode(&tree).expect("a pickle");
        for _ in 0..100 {
            let mut bad = good.clone();
            for _ in 0..1 + random.below(3) {
                let at = random.below(bad.len());
                bad[at] = random.next() as u8;
            }
            let _ = pickle::decode(&bad, pickle::Limits::default());
        }
        let noise: Vec<u8> = (0..200).map(|_| random.next() as u8).collect();
        let _ = pickle::decode(&noise, pickle::Limits::default());
    }
}

#[test]
fn zip64_records_are_read() {
    let mut writer = zip::Writer::with_forced_zip64(Vec::new());
    writer.add("archive/a", b"one").expect("added");
    writer.add("archive/b", &[7; 1000]).expect("added");
    let bytes = writer.finish().expect("finished");
    let mut reader = zip::Reader::open(Cursor::new(bytes)).expect("opened");
    assert_eq!(reader.read("archive/a", 10).expect("read"), b"one");
    assert_eq!(reader.read("archive/b", 1000).expect("read"), [7; 1000]);
    assert!(reader.read("archive/b", 999).is_err());
}

#[test]
fn more_entries_than_16_bits_count_are_read() {
    let mut writer = zip::Writer::new(Vec::new());
    for i in 0..70_000u32 {
        writer
            .add(&format!("archive/data/{i}"), &i.to_le_bytes())
            .expect("added");
    }
    let mut reader = zip::Reader::open(Cursor::new(writer.finish().expect("finished"))).expect("opened");
    assert_eq!(reader.names().len(), 70_000);
    assert_eq!(
        reader.read("archive/data/69999", 4).expect("read"),
        69_999u32.to_le_bytes()
    );
}

#[test]
fn data_is_aligned() {
    let (tree, bytes) = tree(&mut Random(5));
    let file = write(&tree, &bytes);
    let mut at = 0;
    while file[at..].starts_with(b"PK\x03\x04") {
        let u16_at = |i: usize| u16::from_le_bytes([file[at + i], file[at + i + 1]]) as usize;
        let size = u32::from_le_bytes([file[at + 18], file[at + 19], file[at + 20], file[at + 21]]) as usize;
        let data = at + 30 + u16_at(26) + u16_at(28);
        assert_eq!(data % 64, 0);
        at = data + size;
    }
    assert!(file[at..].starts_with(b"PK\x01\x02"));
}
