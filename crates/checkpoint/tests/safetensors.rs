//! A file that the safetensors package wrote, and damage to it. `__test__/golden/checkpoint/make_safetensors.py`.

use std::{fs, io::Cursor, path::Path};

use serde_json::Value as Json;
use vissl_checkpoint::{
    torch_file::read_from,
    tree::{Node, Value},
};

fn golden(name: &str) -> Vec<u8> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../__test__/golden/checkpoint");
    fs::read(folder.join(name)).unwrap()
}

#[test]
fn tensors_have_their_names_shapes_and_values() {
    let expected: Json = serde_json::from_slice(&golden("weights.json")).unwrap();
    let file = read_from(Cursor::new(golden("weights.safetensors"))).unwrap();
    let Node::Dict { entries, .. } = &file.tree.nodes[0] else {
        panic!("no dict")
    };
    assert_eq!(entries.len(), 5);
    for (name, value) in entries {
        let (Value::Str(name), Value::Node(id)) = (name, value) else {
            panic!("no tensor")
        };
        let Node::Tensor(tensor) = &file.tree.nodes[*id as usize] else {
            panic!("no tensor")
        };
        let expected = &expected[&**name];
        let shape: Vec<Json> = tensor.shape.iter().map(|&size| size.into()).collect();
        assert_eq!(Json::from(shape), expected["shape"], "{name}");
        let bytes = &file.storages[tensor.storage];
        let values: Vec<f64> = bytes
            .chunks_exact(tensor.dtype.size)
            .map(|element| match tensor.dtype.name {
                "float32" => f64::from(f32::from_le_bytes(element.try_into().unwrap())),
                "bfloat16" => f64::from(f32::from_le_bytes([0, 0, element[0], element[1]])),
                "int64" => i64::from_le_bytes(element.try_into().unwrap()) as f64,
                "bool" => f64::from(element[0]),
                other => panic!("{other}"),
            })
            .collect();
        assert_eq!(Json::from(values), expected["values"], "{name}");
    }
}

#[test]
fn damage_gives_errors_never_panics() {
    let whole = golden("weights.safetensors");
    for length in 0..whole.len() {
        assert!(
            read_from(Cursor::new(whole[..length].to_vec())).is_err(),
            "cut at {length}"
        );
    }
    for at in 0..whole.len() {
        for bit in 0..8 {
            let mut damaged = whole.clone();
            damaged[at] ^= 1 << bit;
            let _ = read_from(Cursor::new(damaged));
        }
    }
    let mut longer = whole;
    longer.push(0);
    assert!(
        read_from(Cursor::new(longer))
            .unwrap_err()
            .message
            .contains("belong to no tensor")
    );
}

#[test]
fn headers_that_lie_are_refused() {
    let message = |header: &str, data: usize| {
        let mut file = (header.len() as u64).to_le_bytes().to_vec();
        file.extend(header.as_bytes());
        file.resize(file.len() + data, 0);
        read_from(Cursor::new(file)).expect_err("must be refused").message
    };
    let one = |shape: &str, offsets: &str| {
        message(
            &format!(r#"{{"x":{{"dtype":"F32","shape":{shape},"data_offsets":{offsets}}}}}"#),
            8,
        )
    };
    assert!(one("[3]", "[0,8]").contains("does not fit"));
    assert!(one("[2]", "[8,0]").contains("does not fit"));
    assert!(one("[4611686018427387904,4]", "[0,0]").contains("does not fit"));
    assert!(one("[1]", "[4,8]").contains("does not begin"));
    assert!(one("[-1]", "[0,8]").contains("no shape"));
    assert!(message(r#"{"x":{"dtype":"F3","shape":[],"data_offsets":[0,8]}}"#, 8).contains("F3"));
    assert!(message(r#"{"x":1}"#, 0).contains("no dtype"));
    assert!(message("{]", 0).contains("no JSON"));
}
