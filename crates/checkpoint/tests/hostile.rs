//! Files made to harm: what they ask for is refused by size, depth and count before any memory is taken.

use std::io::Cursor;

use vissl_checkpoint::{
    json,
    pickle::{Limits, decode, encode},
    torch_file::read_from,
    tree::{Node, Tree, Value},
    zip,
};

fn refused(pickle: &[u8]) -> String {
    decode(pickle, Limits::default())
        .expect_err("must be refused")
        .message
}

fn archive(pickle: &[u8], storages: &[(&str, &[u8])]) -> Vec<u8> {
    let mut writer = zip::Writer::new(Vec::new());
    writer.add("x/data.pkl", pickle).expect("added");
    for (key, bytes) in storages {
        writer.add(&format!("x/data/{key}"), bytes).expect("added");
    }
    writer.finish().expect("finished")
}

/// A tensor of float32 over storage 0 of `numel` elements, with sizes and strides as opcodes.
fn tensor(numel: u8, sizes: &[u8], strides: &[u8]) -> Vec<u8> {
    let mut out =
        b"\x80\x02ctorch._utils\n_rebuild_tensor_v2\n((X\x07\0\0\0storagectorch\nFloatStorage\n".to_vec();
    out.extend_from_slice(b"X\x01\0\0\0");
    out.extend_from_slice(b"0X\x03\0\0\0cpuK");
    out.extend_from_slice(&[numel, b't', b'Q', b'K', 0]);
    out.extend_from_slice(sizes);
    out.extend_from_slice(strides);
    out.extend_from_slice(b"\x89ccollections\nOrderedDict\n)RtR.");
    out
}

#[test]
fn nothing_named_is_called() {
    let tree = decode(b"\x80\x02cos\nsystem\nX\x04\0\0\0exit\x85R.", Limits::default()).expect("read");
    let Value::Node(root) = tree.root else {
        panic!("no node")
    };
    let Node::Object(object) = &tree.nodes[root as usize] else {
        panic!("no object")
    };
    assert_eq!(&*object.class, "os.system");
}

#[test]
fn nesting_is_limited() {
    let mut pickle = b"\x80\x02N".to_vec();
    pickle.extend(std::iter::repeat_n(0x85, 1_000_000));
    pickle.push(b'.');
    assert!(refused(&pickle).contains("nested more than 512"));
}

#[test]
fn cycles_are_refused() {
    assert!(refused(b"\x80\x02]q\0h\0a.").contains("holds itself"));
}

#[test]
fn shared_containers_do_not_multiply() {
    // 60 lists, each holding the one before it twice: 2^60 leaves, 61 nodes.
    let mut pickle = b"\x80\x02]q\0".to_vec();
    for _ in 0..60 {
        pickle.extend_from_slice(b"0](h\0h\0eq\0");
    }
    pickle.push(b'.');
    let tree = decode(&pickle, Limits::default()).expect("read");
    assert_eq!(tree.nodes.len(), 61);
}

#[test]
fn repeated_copies_are_counted() {
    // One list of 100,000 items, made into a tuple again and again.
    let mut pickle = b"\x80\x02c__builtin__\ntuple\nq\0](".to_vec();
    pickle.extend(std::iter::repeat_n(b'N', 100_000));
    pickle.extend_from_slice(b"e\x85q\x01");
    for _ in 0..100_000 {
        pickle.extend_from_slice(b"h\0h\x01R0");
    }
    pickle.push(b'.');
    assert!(refused(&pickle).contains("more than 20000000 values"));
}

#[test]
fn lengths_beyond_the_file_are_refused() {
    assert!(refused(b"\x80\x02X\xff\xff\xff\xffab").contains("cut short"));
    assert!(refused(b"\x80\x04\x8d\xff\xff\xff\xff\xff\xff\xff\xffab").contains("cut short"));
    assert!(refused(b"\x80\x02\x8b\xff\xff\xff\x7fab").contains("an integer has"));
    assert!(refused(b"\x80\x02").contains("offset 2"));
}

#[test]
fn stack_errors_are_refused() {
    for pickle in [
        &b"\x80\x02."[..],
        b"\x80\x02R.",
        b"\x80\x02(t",
        b"\x80\x02h\0.",
        b"\x80\x02NNs.",
        b"\x80\x02u.",
        b"I1\n.",
    ] {
        refused(pickle);
    }
    assert!(refused(b"\x80\x02}]Ns.").contains("used as a key"));
}

#[test]
fn tensors_stay_inside_their_storage() {
    let good = archive(
        &tensor(4, b"K\x02K\x02\x86", b"K\x02K\x01\x86"),
        &[("0", &[0; 16])],
    );
    assert!(read_from(Cursor::new(good)).is_ok());
    for (sizes, strides) in [
        (&b"K\x05\x85"[..], &b"K\x01\x85"[..]),
        (b"K\x02\x85", b"K\x04\x85"),
        (b"K\x02\x85", b"K\x01K\x01\x86"),
        (b"J\xff\xff\xff\xff\x85", b"K\x01\x85"),
        (
            b"\x8a\x08\xff\xff\xff\xff\xff\xff\xff\x7f\x85",
            b"\x8a\x08\xff\xff\xff\xff\xff\xff\xff\x7f\x85",
        ),
    ] {
        assert!(
            read_from(Cursor::new(archive(
                &tensor(4, sizes, strides),
                &[("0", &[0; 16])]
            )))
            .is_err()
        );
    }
}

#[test]
fn strided_views_are_copied_in_order() {
    let bytes: Vec<u8> = (0..16).collect();
    let file = archive(&tensor(4, b"K\x02K\x02\x86", b"K\x01K\x02\x86"), &[("0", &bytes)]);
    let (_, buffers) = json::from_file(read_from(Cursor::new(file)).expect("read")).expect("json");
    assert_eq!(buffers[1], [0, 1, 2, 3, 8, 9, 10, 11, 4, 5, 6, 7, 12, 13, 14, 15]);
}

#[test]
fn expanded_views_do_not_take_all_memory() {
    let sizes = b"J\x00\x00\x00\x40J\x00\x00\x00\x40\x86";
    let file = archive(&tensor(1, sizes, b"K\0K\0\x86"), &[("0", &[0; 4])]);
    let error = json::from_file(read_from(Cursor::new(file)).expect("read")).expect_err("must be refused");
    assert!(error.message.contains("far more than the file holds"));
}

#[test]
fn storages_shorter_than_promised_or_missing_are_refused() {
    let pickle = tensor(4, b"K\x02K\x02\x86", b"K\x02K\x01\x86");
    assert!(
        read_from(Cursor::new(archive(&pickle, &[("0", &[0; 12])])))
            .expect_err("short")
            .message
            .contains("12 bytes")
    );
    assert!(
        read_from(Cursor::new(archive(&pickle, &[])))
            .expect_err("missing")
            .message
            .contains("no record x/data/0")
    );
}

#[test]
fn other_formats_are_named() {
    let message = |bytes: &[u8]| {
        read_from(Cursor::new(bytes.to_vec()))
            .expect_err("must be refused")
            .message
    };
    assert!(message(b"").contains("empty"));
    assert!(message(b"\x80\x02\x8a\x0al\xfc\x9cF\xf9 j\xa8P\x19.").contains("cut short"));
    let mut tar = vec![0; 512];
    tar[257..262].copy_from_slice(b"ustar");
    assert!(message(&tar).contains("before PyTorch 0.2"));
    assert!(message(b"\x80\x02N.").contains("plain pickle"));
    assert!(message(b"\x89PNG").contains("does not start like"));
    assert!(message(b"PK\x03\x04 and nothing else of it follows").contains("cut short"));
}

#[test]
fn damaged_records_are_found_by_their_checksum() {
    let mut file = archive(
        &tensor(4, b"K\x02K\x02\x86", b"K\x02K\x01\x86"),
        &[("0", &[9; 16])],
    );
    let at = file
        .windows(16)
        .position(|window| window == [9; 16])
        .expect("the data");
    file[at] = 8;
    assert!(
        read_from(Cursor::new(file))
            .expect_err("damaged")
            .message
            .contains("checksum")
    );
}

#[test]
fn cycles_are_not_written() {
    let nodes = vec![
        Node::List(vec![Value::Node(1)]),
        Node::Tuple(vec![Value::Node(0)]),
    ];
    let tree = Tree {
        root: Value::Node(0),
        nodes,
        storages: Vec::new(),
    };
    assert!(
        encode(&tree)
            .expect_err("must be refused")
            .message
            .contains("holds itself")
    );
    let tree = Tree {
        root: Value::Node(7),
        nodes: Vec::new(),
        storages: Vec::new(),
    };
    assert!(
        encode(&tree)
            .expect_err("must be refused")
            .message
            .contains("no node 7")
    );
}

/// A legacy file of one float32 tensor with `numel` elements, of which `given` follow after `count`.
fn legacy(numel: u8, count: u64, given: usize) -> Vec<u8> {
    let mut out = b"\x80\x02\x8a\x0al\xfc\x9cF\xf9 j\xa8P\x19.\x80\x02M\xe9\x03.\x80\x02}.".to_vec();
    let mut value = tensor(numel, b"K\x02\x85", b"K\x01\x85");
    // The legacy id has a sixth part.
    let at = value.iter().position(|&byte| byte == b'Q').expect("an id") - 1;
    value.insert(at, b'N');
    out.extend(value);
    out.extend_from_slice(b"\x80\x02]X\x01\0\0\x000a.");
    out.extend_from_slice(&count.to_le_bytes());
    out.resize(out.len() + given, 7);
    out
}

#[test]
fn legacy_files_are_read_and_every_cut_is_found() {
    let whole = legacy(2, 2, 8);
    let file = read_from(Cursor::new(whole.clone())).expect("read");
    assert_eq!(file.storages, [vec![7; 8]]);
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
}

#[test]
fn legacy_storages_must_have_the_size_that_the_pickle_says() {
    let message = |file: Vec<u8>| read_from(Cursor::new(file)).expect_err("must be refused").message;
    assert!(message(legacy(2, 3, 8)).contains("3 elements"));
    assert!(message(legacy(2, u64::MAX, 8)).contains("elements"));
    assert!(message(legacy(200, 200, 8)).contains("cut short"));
}
