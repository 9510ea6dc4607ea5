use std::fs;
use std::io::Read;
use std::path::{Path, PathBuf};

use flate2::read::ZlibDecoder;
use serde::Deserialize;
use vissl_checkpoint::pickle;
use vissl_checkpoint::tree::{Node, Tree, Value};

use super::idx::{Idx, IdxOptions};
use super::{Raw, Source};
use crate::decode::DecodeError;
use crate::error::{DataError, Result};
use crate::image::Image;

/// Files larger than this many bytes are none of these data sets.
const MAX_BYTES: u64 = 4 << 30;

/// Names of the sets, as in `DATASET_NAMES`.
pub const NAMES: [&str; 5] = ["CIFAR10", "CIFAR100", "MNIST", "STL10", "SVHN"];

#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct TorchvisionOptions {
    /// The folder that torchvision downloads to, or that of the files.
    pub path: PathBuf,
    /// One of [`NAMES`].
    pub name: String,
    /// `train` or `test`.
    pub split: String,
}

/// The small data sets of torchvision in the files that it downloads, held in memory.
pub struct Torchvision {
    /// H×W×C bytes an image.
    pixels: Vec<u8>,
    labels: Vec<i64>,
    classes: Vec<String>,
    side: usize,
    name: String,
}

/// # Errors
/// The set is not known, or a file is missing or damaged.
pub fn open(options: &TorchvisionOptions) -> Result<Box<dyn Source>> {
    let train = match options.split.as_str() {
        "train" => true,
        "test" | "val" => false,
        other => {
            return Err(
                DataError::usage(format!("{}: there is no split {other:?}", options.name))
                    .fix("use train or test"),
            );
        }
    };
    let root = &options.path;
    if !root.is_dir() {
        return Err(
            DataError::data(format!("data folder {}: is no folder", root.display()))
                .fix("give the folder that torchvision downloaded to"),
        );
    }
    let mut set = match options.name.as_str() {
        "CIFAR10" => cifar(root, "cifar-10-batches-py", train, false)?,
        "CIFAR100" => cifar(root, "cifar-100-python", train, true)?,
        "STL10" => stl10(root, train)?,
        "SVHN" => svhn(root, train)?,
        "MNIST" => {
            return Ok(Box::new(Idx::open(&IdxOptions {
                path: inner(root, "MNIST/raw"),
                split: Some(options.split.clone()),
                labels: None,
                classes: Vec::new(),
            })?));
        }
        other => {
            return Err(
                DataError::usage(format!("torchvision_dataset: there is no set named {other:?}"))
                    .fix(format!("set DATASET_NAMES to one of: {}", NAMES.join(", "))),
            );
        }
    };
    set.name = format!("{}/{}", options.name, options.split);
    let size = set.side * set.side * 3;
    if set.pixels.is_empty() || set.pixels.len() != set.labels.len() * size {
        return Err(DataError::data(format!(
            "{}: {} labels for {} images",
            root.display(),
            set.labels.len(),
            set.pixels.len() / size.max(1)
        )));
    }
    Ok(Box::new(set))
}

/// The folder within the download, or the folder itself.
fn inner(root: &Path, name: &str) -> PathBuf {
    let folder = root.join(name);
    if folder.is_dir() { folder } else { root.to_owned() }
}

fn read(path: &Path) -> Result<Vec<u8>> {
    let fail = |what: String| {
        DataError::data(format!("{}: {what}", path.display())).fix("download and unpack the data set again")
    };
    let size = fs::metadata(path).map_err(|error| fail(error.to_string()))?.len();
    if size > MAX_BYTES {
        return Err(fail(format!("its {size} bytes are more than the data set has")));
    }
    fs::read(path).map_err(|error| fail(error.to_string()))
}

fn damaged(path: &Path, what: &str) -> DataError {
    DataError::data(format!("{}: {what}", path.display())).fix("download and unpack the data set again")
}

/// Planes C×H×W of `images` images to H×W×C; `transposed` planes lie column by column.
fn interleave(planes: &[u8], side: usize, transposed: bool) -> Vec<u8> {
    let area = side * side;
    let mut pixels = Vec::with_capacity(planes.len());
    for image in planes.chunks_exact(3 * area) {
        for y in 0..side {
            for x in 0..side {
                let at = if transposed { x * side + y } else { y * side + x };
                pixels.extend([image[at], image[area + at], image[2 * area + at]]);
            }
        }
    }
    pixels
}

fn cifar(root: &Path, folder: &str, train: bool, hundred: bool) -> Result<Torchvision> {
    let folder = inner(root, folder);
    let files: Vec<String> = match (hundred, train) {
        (false, true) => (1..=5).map(|i| format!("data_batch_{i}")).collect(),
        (false, false) => vec!["test_batch".to_owned()],
        (true, true) => vec!["train".to_owned()],
        (true, false) => vec!["test".to_owned()],
    };
    let (label_key, meta, names_key) = if hundred {
        ("fine_labels", "meta", "fine_label_names")
    } else {
        ("labels", "batches.meta", "label_names")
    };
    let mut set = Torchvision {
        pixels: Vec::new(),
        labels: Vec::new(),
        classes: Vec::new(),
        side: 32,
        name: String::new(),
    };
    for file in files {
        let path = folder.join(file);
        let map = Map::read(&path)?;
        let planes = map
            .get("data")
            .and_then(|value| map.array_bytes(value))
            .filter(|planes| planes.len() % 3072 == 0)
            .ok_or_else(|| damaged(&path, "holds no images of 32x32"))?;
        set.pixels.extend(interleave(planes, 32, false));
        let labels = map.get(label_key).and_then(|value| map.list(value));
        let labels = labels.ok_or_else(|| damaged(&path, "holds no labels"))?;
        for label in labels {
            match label {
                Value::Int(label @ 0..=99) => set.labels.push(*label),
                _ => return Err(damaged(&path, "holds a label that is none")),
            }
        }
    }
    let path = folder.join(meta);
    if path.exists() {
        let map = Map::read(&path)?;
        let names = map.get(names_key).and_then(|value| map.list(value));
        set.classes = names
            .unwrap_or_default()
            .iter()
            .filter_map(|name| text(name).map(|name| String::from_utf8_lossy(name).into_owned()))
            .collect();
    }
    Ok(set)
}

/// The dict of a pickle.
struct Map {
    tree: Tree,
}

impl Map {
    fn read(path: &Path) -> Result<Map> {
        let bytes = read(path)?;
        let tree = pickle::decode(&bytes, pickle::Limits::default())
            .map_err(|error| damaged(path, &error.message))?;
        Ok(Map { tree })
    }

    fn node(&self, value: &Value) -> Option<&Node> {
        match value {
            Value::Node(at) => self.tree.nodes.get(*at as usize),
            _ => None,
        }
    }

    fn get(&self, key: &str) -> Option<&Value> {
        match self.node(&self.tree.root)? {
            Node::Dict { entries, .. } => entries
                .iter()
                .find(|(name, _)| text(name) == Some(key.as_bytes()))
                .map(|(_, value)| value),
            _ => None,
        }
    }

    fn list(&self, value: &Value) -> Option<&[Value]> {
        match self.node(value)? {
            Node::List(items) | Node::Tuple(items) => Some(items),
            _ => None,
        }
    }

    /// The bytes of an array of `uint8`, row-major.
    fn array_bytes(&self, value: &Value) -> Option<&[u8]> {
        let Node::Object(object) = self.node(value)? else {
            return None;
        };
        let is_array = object.class.ends_with(".multiarray._reconstruct");
        match self.list(object.state.as_ref()?)? {
            [_, _, dtype, Value::Bool(false) | Value::Int(0), data] if is_array => {
                let Node::Object(dtype) = self.node(dtype)? else {
                    return None;
                };
                let is_byte = self.list(&dtype.args)?.first().and_then(text) == Some(b"u1");
                text(data).filter(|_| is_byte)
            }
            _ => None,
        }
    }
}

/// The bytes of a text or of bytes.
fn text(value: &Value) -> Option<&[u8]> {
    match value {
        Value::Str(text) => Some(text.as_bytes()),
        Value::Bytes(bytes) => Some(bytes),
        _ => None,
    }
}

fn stl10(root: &Path, train: bool) -> Result<Torchvision> {
    let folder = inner(root, "stl10_binary");
    let part = if train { "train" } else { "test" };
    let path = folder.join(format!("{part}_X.bin"));
    let planes = read(&path)?;
    if planes.len() % (3 * 96 * 96) != 0 {
        return Err(damaged(&path, "holds no images of 96x96"));
    }
    let path = folder.join(format!("{part}_y.bin"));
    let labels = read(&path)?;
    if labels.iter().any(|label| !(1..=10).contains(label)) {
        return Err(damaged(&path, "holds a label that is not in 1..10"));
    }
    let names = fs::read_to_string(folder.join("class_names.txt")).unwrap_or_default();
    Ok(Torchvision {
        pixels: interleave(&planes, 96, true),
        labels: labels.iter().map(|label| i64::from(*label) - 1).collect(),
        classes: names.lines().map(str::to_owned).collect(),
        side: 96,
        name: String::new(),
    })
}

fn svhn(root: &Path, train: bool) -> Result<Torchvision> {
    let path = root.join(if train {
        "train_32x32.mat"
    } else {
        "test_32x32.mat"
    });
    let bytes = read(&path)?;
    let arrays = matlab(&bytes).ok_or_else(|| damaged(&path, "is no MATLAB file that can be read"))?;
    let find = |name: &str| arrays.iter().find(|array| array.name == name);
    let (Some(images), Some(labels)) = (find("X"), find("y")) else {
        return Err(damaged(&path, "lacks the arrays X and y"));
    };
    if images.shape.get(..3) != Some(&[32, 32, 3]) || images.data.len() % 3072 != 0 {
        return Err(damaged(&path, "holds no images of 32x32"));
    }
    if labels.data.iter().any(|label| !(1..=10).contains(label)) {
        return Err(damaged(&path, "holds a label that is not in 1..10"));
    }
    Ok(Torchvision {
        // MATLAB's first axis runs fastest, and it is that of the rows.
        pixels: interleave(&images.data, 32, true),
        // The digit 0 is label 10 there.
        labels: labels.data.iter().map(|label| i64::from(*label % 10)).collect(),
        classes: (0..10).map(|digit: u8| digit.to_string()).collect(),
        side: 32,
        name: String::new(),
    })
}

/// An array of bytes in a MATLAB file.
struct MatlabArray {
    name: String,
    shape: Vec<usize>,
    data: Vec<u8>,
}

/// The arrays of `uint8` in a MATLAB 5 file, little-endian, compressed or not.
fn matlab(bytes: &[u8]) -> Option<Vec<MatlabArray>> {
    const MATRIX: u32 = 14;
    const COMPRESSED: u32 = 15;
    if bytes.get(126..128)? != b"IM" {
        return None;
    }
    let mut arrays = Vec::new();
    let mut rest = &bytes[128..];
    while rest.len() >= 8 {
        let (kind, body, after) = element(rest)?;
        rest = after;
        let unpacked;
        let body = if kind == COMPRESSED {
            let mut plain = Vec::new();
            ZlibDecoder::new(body)
                .take(MAX_BYTES)
                .read_to_end(&mut plain)
                .ok()?;
            unpacked = plain;
            match element(&unpacked)? {
                (MATRIX, body, _) => body,
                _ => continue,
            }
        } else if kind == MATRIX {
            body
        } else {
            continue;
        };
        let (_, _, rest) = element(body)?;
        let (_, shape, rest) = element(rest)?;
        let (_, name, rest) = element(rest)?;
        let (_, data, _) = element(rest)?;
        let shape: Vec<usize> = shape
            .chunks_exact(4)
            .map(|size| u32::from_le_bytes([size[0], size[1], size[2], size[3]]) as usize)
            .collect();
        if shape.iter().try_fold(1usize, |all, size| all.checked_mul(*size)) == Some(data.len()) {
            arrays.push(MatlabArray {
                name: String::from_utf8_lossy(name).into_owned(),
                shape,
                data: data.to_vec(),
            });
        }
    }
    Some(arrays)
}

/// Type, contents and what follows of an element; small ones lie in their own header.
fn element(bytes: &[u8]) -> Option<(u32, &[u8], &[u8])> {
    let word =
        |at: usize| -> Option<u32> { Some(u32::from_le_bytes(bytes.get(at..at + 4)?.try_into().ok()?)) };
    let kind = word(0)?;
    if kind >> 16 != 0 {
        let size = (kind >> 16) as usize;
        return Some((kind & 0xffff, bytes.get(4..4 + size)?, bytes.get(8..)?));
    }
    let size = word(4)? as usize;
    let body = bytes.get(8..8usize.checked_add(size)?)?;
    // Compressed elements are not filled up.
    let end = if kind == 15 {
        8 + size
    } else {
        (8 + size).next_multiple_of(8)
    };
    Some((kind, body, bytes.get(end..).unwrap_or_default()))
}

impl Source for Torchvision {
    fn len(&self) -> usize {
        self.labels.len()
    }

    fn label(&self, index: usize) -> Option<i64> {
        self.labels.get(index).copied()
    }

    fn classes(&self) -> &[String] {
        &self.classes
    }

    fn name(&self, index: usize) -> String {
        format!("{}[{index}]", self.name)
    }

    fn load(&self, index: usize) -> std::result::Result<Raw, DecodeError> {
        let bytes = self.side * self.side * 3;
        Ok(Raw::Decoded(Image {
            width: self.side,
            height: self.side,
            channels: 3,
            data: self.pixels[index * bytes..(index + 1) * bytes].to_vec(),
        }))
    }
}
