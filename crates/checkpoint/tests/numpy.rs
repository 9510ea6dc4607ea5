//! Arrays that NumPy wrote, and damage to them. `__test__/golden/numpy/make.py` makes the files.

use std::{fs, path::PathBuf};

use serde_json::Value as Json;
use vissl_checkpoint::numpy::{Array, Data, TextFile, read, read_file, read_pickle, read_pickle_file};

fn folder() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../__test__/golden/numpy")
}

fn values(array: &Array) -> Vec<Json> {
    match &array.data {
        Data::Texts(texts) => texts.iter().map(|text| Json::from(text.as_str())).collect(),
        Data::Numbers { dtype, bytes } => bytes
            .chunks_exact(dtype.size)
            .map(|element| match dtype.name {
                "bool" => Json::from(element[0] != 0),
                "float64" => Json::from(f64::from_le_bytes(element.try_into().unwrap())),
                "float32" => Json::from(f64::from(f32::from_le_bytes(element.try_into().unwrap()))),
                // 0.5 and -2 have these bits.
                "float16" => Json::from(if element == [0, 0x38] { 0.5 } else { -2.0 }),
                "int64" => Json::from(i64::from_le_bytes(element.try_into().unwrap())),
                "int32" => Json::from(i32::from_le_bytes(element.try_into().unwrap())),
                other => panic!("{other}"),
            })
            .collect(),
    }
}

#[test]
fn arrays_are_read_as_numpy_wrote_them() {
    let expected: Json = serde_json::from_slice(&fs::read(folder().join("expected.json")).unwrap()).unwrap();
    let arrays = expected["arrays"].as_object().unwrap();
    assert!(arrays.len() > 10);
    for (name, expected) in arrays {
        let npy = read_file(&folder().join(format!("{name}.npy"))).unwrap();
        let shape: Vec<Json> = npy.shape.iter().map(|&size| size.into()).collect();
        assert_eq!(Json::from(shape), expected["shape"], "{name}");
        assert_eq!(Json::from(values(&npy)), expected["values"], "{name}");
        for protocol in [2, 4] {
            let pickled = read_pickle_file(&folder().join(format!("{name}.{protocol}.pkl"))).unwrap();
            assert_eq!(pickled, npy, "{name}, protocol {protocol}");
        }
    }
}

#[test]
fn lists_are_arrays_of_one_dimension() {
    let names = read_pickle_file(&folder().join("list.pkl"))
        .unwrap()
        .into_texts()
        .unwrap();
    assert_eq!(names, ["a.jpg", "b.jpg"]);
}

#[test]
fn kinds_that_are_not_asked_for_are_errors() {
    let labels = read_file(&folder().join("labels.npy")).unwrap();
    assert_eq!(labels.to_integers().unwrap(), [3, -1, 7]);
    assert!(labels.into_texts().unwrap_err().message.contains("int64"));
    let texts = read_file(&folder().join("texts.npy")).unwrap();
    assert!(texts.to_integers().unwrap_err().message.contains("texts"));
    assert!(
        read_file(&folder().join("scalar.npy"))
            .unwrap()
            .to_integers()
            .unwrap_err()
            .message
            .contains("2.5")
    );
    let matrix = read_file(&folder().join("matrix.npy")).unwrap();
    assert_eq!(matrix.to_integers().unwrap(), [-2, -1, 0, 1, 2, 3]);
}

#[test]
fn damage_gives_errors_never_panics() {
    for entry in fs::read_dir(folder()).unwrap() {
        let path = entry.unwrap().path();
        let bytes = fs::read(&path).unwrap();
        let read = match path.extension().and_then(|extension| extension.to_str()) {
            Some("npy") => read,
            Some("pkl") => read_pickle,
            _ => continue,
        };
        for length in 0..bytes.len() {
            assert!(
                read(&bytes[..length]).is_err(),
                "{} cut at {length}",
                path.display()
            );
        }
        for at in 0..bytes.len() {
            for bit in 0..8 {
                let mut damaged = bytes.clone();
                damaged[at] ^= 1 << bit;
                let _ = read(&damaged);
            }
        }
    }
}

#[test]
fn headers_that_ask_for_too_much_are_refused() {
    let file = |header: &str| {
        let mut bytes = b"\x93NUMPY\x01\x00".to_vec();
        bytes.extend((header.len() as u16).to_le_bytes());
        bytes.extend(header.as_bytes());
        read(&bytes).unwrap_err().message
    };
    let shape = |shape: &str| {
        file(&format!(
            "{{'descr': '<f4', 'fortran_order': False, 'shape': ({shape}), }}"
        ))
    };
    assert!(shape("4611686018427387904, 8").contains("impossible"));
    assert!(shape("1000000000000,").contains("cut short"));
    assert!(shape("-1,").contains("whole number"));
    assert!(file("{'descr': [('x', '<f4')], 'fortran_order': False, 'shape': (1,), }").contains("records"));
    assert!(
        file("{'descr': '<U0', 'fortran_order': False, 'shape': (999999999999,), }").contains("empty texts")
    );
    assert!(file("{'descr': '<q9', 'fortran_order': False, 'shape': (), }").contains("not known"));
}

#[test]
fn texts_are_read_one_by_one_as_all_at_once() {
    let mut compared = 0;
    for entry in fs::read_dir(folder()).unwrap() {
        let path = entry.unwrap().path();
        if path.extension().is_none_or(|extension| extension != "npy") {
            continue;
        }
        let (Ok(Some(file)), Ok(array)) = (TextFile::open(&path), read_file(&path)) else {
            continue;
        };
        let texts = array.into_texts().unwrap();
        assert_eq!(file.len(), texts.len());
        for (i, text) in texts.iter().enumerate() {
            assert_eq!(file.get(i).unwrap(), *text, "{}", path.display());
            compared += 1;
        }
    }
    assert!(compared > 0);
}

#[test]
fn a_list_that_is_cut_while_it_is_read_gives_errors() {
    let bytes = fs::read(folder().join("../data-lists/paths.npy")).unwrap();
    let path = std::env::temp_dir().join(format!("vissl-cut-{}.npy", std::process::id()));
    fs::write(&path, &bytes).unwrap();
    let file = TextFile::open(&path).unwrap().unwrap();
    assert_eq!(file.get(4).unwrap(), "/data/train/4.png");
    assert!(file.get(5).is_err());
    fs::write(&path, &bytes[..bytes.len() - 1]).unwrap();
    assert!(file.get(3).is_ok() && file.get(4).is_err());
    assert!(TextFile::open(&path).is_err());
    fs::remove_file(&path).unwrap();
}

#[test]
fn texts_of_python_2_are_bytes_of_any_kind() {
    let pickle = |data: &[u8]| {
        let mut bytes =
            b"\x80\x02cnumpy.core.multiarray\n_reconstruct\n(cnumpy\nndarray\nK\x00\x85U\x01btR".to_vec();
        bytes.extend(b"(K\x01K\x04\x85cnumpy\ndtype\n(U\x02u1K\x00K\x01tR(K\x03U\x01|NNNJ\xff\xff\xff\xffJ\xff\xff\xff\xffK\x00tb\x89");
        bytes.extend([b'U', data.len() as u8]);
        bytes.extend(data);
        bytes.extend(b"tb.");
        bytes
    };
    for data in [[200, 7, 255, 0], [65, 66, 67, 68]] {
        let array = read_pickle(&pickle(&data)).unwrap();
        assert_eq!(array.to_integers().unwrap(), data.map(i64::from));
    }
    assert!(read_pickle(&pickle(&[1, 2, 3])).is_err());
}
