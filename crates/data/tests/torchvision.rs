//! The small data sets of torchvision, compared with what torchvision reads of the same files.

use std::fs;
use std::path::{Path, PathBuf};

use serde_json::{Value, json};
use vissl_data::error::ErrorKind;
use vissl_data::source::{self, Raw, Source, SourceSpec};
use vissl_data::{DataError, image::Image};

fn golden() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../__test__/golden/torchvision")
}

fn open(path: &Path, name: &str, split: &str) -> Result<Box<dyn Source>, DataError> {
    let spec = json!({ "type": "torchvision", "path": path, "name": name, "split": split });
    source::open(&serde_json::from_value::<SourceSpec>(spec).unwrap())
}

fn image(source: &dyn Source, index: usize) -> Image {
    match source.load(index).unwrap() {
        Raw::Decoded(image) => image,
        Raw::Encoded(_) => panic!("the set holds no files"),
    }
}

#[test]
fn images_and_labels_are_those_that_torchvision_reads() {
    let expected: Value = serde_json::from_slice(&fs::read(golden().join("expected.json")).unwrap()).unwrap();
    let expected = expected.as_object().unwrap();
    assert_eq!(expected.len(), 8);
    for (set, samples) in expected {
        let (name, split) = set.split_once('/').unwrap();
        let source = open(&golden(), name, split).unwrap();
        let samples = samples.as_array().unwrap();
        assert_eq!(source.len(), samples.len(), "{set}");
        for (index, sample) in samples.iter().enumerate() {
            let image = image(source.as_ref(), index);
            assert_eq!(source.label(index), sample["label"].as_i64(), "{set} {index}");
            let sum: u64 = image.data.iter().map(|value| u64::from(*value)).sum();
            assert_eq!(Some(sum), sample["sum"].as_u64(), "{set} {index}");
            let pixel = |y: usize, x: usize| {
                let at = (y * image.width + x) * 3;
                image.data[at..at + 3].to_vec()
            };
            let pixels: Vec<u8> = serde_json::from_value(sample["pixels"].clone()).unwrap();
            assert_eq!([pixel(1, 2), pixel(5, 9)].concat(), pixels, "{set} {index}");
        }
        assert_eq!(
            source.name(1.min(samples.len() - 1)).split('[').next(),
            Some(set.as_str())
        );
    }
    let cifar = open(&golden(), "CIFAR10", "test").unwrap();
    assert_eq!(cifar.classes(), ["airplane", "cat"]);
    assert_eq!(
        open(&golden(), "STL10", "train").unwrap().classes(),
        ["airplane", "bird"]
    );
}

#[test]
fn the_folder_of_the_files_serves_as_well() {
    assert!(open(&golden().join("cifar-10-batches-py"), "CIFAR10", "train").is_ok());
    assert!(open(&golden().join("stl10_binary"), "STL10", "test").is_ok());
}

#[test]
fn what_is_missing_or_unknown_is_named() {
    let fails = |path: &Path, name: &str, split: &str, part: &str, kind: ErrorKind| {
        let error = open(path, name, split).err().unwrap();
        assert!(error.message.contains(part), "{part}: {error}");
        assert_eq!(error.kind, kind);
        assert!(error.fix.is_some());
    };
    fails(
        &golden(),
        "CIFAR",
        "train",
        "no set named \"CIFAR\"",
        ErrorKind::Usage,
    );
    fails(&golden(), "CIFAR10", "unlabeled", "no split", ErrorKind::Usage);
    fails(
        &golden().join("none"),
        "CIFAR10",
        "train",
        "is no folder",
        ErrorKind::Data,
    );
    fails(
        &golden().join("stl10_binary"),
        "CIFAR10",
        "train",
        "data_batch_1",
        ErrorKind::Data,
    );
    fails(
        &golden(),
        "MNIST",
        "train",
        "train-images-idx3-ubyte",
        ErrorKind::Data,
    );
}

#[test]
fn damaged_files_give_errors_and_never_panic() {
    let folder = std::env::temp_dir().join(format!("vissl-torchvision-{}", std::process::id()));
    fs::create_dir_all(&folder).unwrap();
    let mut state = 88_172_645_463_325_252u64;
    let mut random = move || {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        state as usize
    };
    let files = [
        ("cifar-10-batches-py/test_batch", "test_batch", "CIFAR10", "test"),
        ("cifar-100-python/train", "train", "CIFAR100", "train"),
        ("train_32x32.mat", "train_32x32.mat", "SVHN", "train"),
        ("test_32x32.mat", "test_32x32.mat", "SVHN", "test"),
    ];
    for (from, to, name, split) in files {
        let good = fs::read(golden().join(from)).unwrap();
        let path = folder.join(to);
        for round in 0..200 {
            let mut bytes = good.clone();
            if round % 2 == 0 {
                bytes.truncate(random() % bytes.len());
            } else {
                // Most of a file is pixels, which are never wrong: the structure lies at its ends.
                let end = bytes.len();
                let at = if random() % 2 == 0 {
                    random() % 220
                } else {
                    end - 1 - random() % 40
                };
                bytes[at] = random() as u8;
            }
            fs::write(&path, &bytes).unwrap();
            match open(&folder, name, split) {
                Ok(source) => assert!(!source.is_empty()),
                Err(error) => assert_eq!(error.kind, ErrorKind::Data, "{error}"),
            }
        }
        fs::remove_file(&path).unwrap();
    }
    fs::remove_dir_all(&folder).unwrap();
}
