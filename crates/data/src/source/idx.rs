use std::fs;
use std::io::Read;
use std::path::{Path, PathBuf};

use serde::Deserialize;

use super::{Raw, Source};
use crate::decode::DecodeError;
use crate::error::{DataError, Result};
use crate::image::Image;

/// Arrays larger than this many bytes are refused.
const MAX_BYTES: u64 = 8 << 30;

#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct IdxOptions {
    /// A folder with the four files of the MNIST family, or the file of the images.
    pub path: PathBuf,
    /// Which pair of files of a folder: `train`, or `test` (`t10k-…`).
    #[serde(default)]
    pub split: Option<String>,
    /// The file of the labels, when `path` is a file.
    #[serde(default)]
    pub labels: Option<PathBuf>,
    #[serde(default)]
    pub classes: Vec<String>,
}

/// The IDX arrays of MNIST and its relatives (unsigned bytes; raw or gzip), held in memory.
/// Images are N×H×W (gray) or N×H×W×3.
#[derive(Debug)]
pub struct Idx {
    pixels: Vec<u8>,
    labels: Option<Vec<u8>>,
    classes: Vec<String>,
    size: [usize; 3],
    name: String,
}

impl Idx {
    /// # Errors
    /// A file is missing, of another type, or shorter than its header says; images and labels differ in number.
    pub fn open(options: &IdxOptions) -> Result<Self> {
        let (images, labels) = files(options)?;
        let (shape, pixels) = read(&images)?;
        let size = match shape[..] {
            [_, height, width] => [height, width, 1],
            [_, height, width, 3] => [height, width, 3],
            _ => {
                return Err(DataError::data(format!(
                    "{}: shape {shape:?} is not that of images",
                    images.display()
                )));
            }
        };
        let count = shape[0];
        if count == 0 || size[0] == 0 || size[1] == 0 {
            return Err(DataError::data(format!("{}: holds no image", images.display())));
        }
        let labels = match labels {
            None => None,
            Some(path) => {
                let (shape, labels) = read(&path)?;
                if shape != [count] {
                    return Err(DataError::data(format!(
                        "{}: labels of shape {shape:?} for {count} images of {}",
                        path.display(),
                        images.display()
                    )));
                }
                Some(labels)
            }
        };
        let mut classes = options.classes.clone();
        if let (true, Some(top)) = (
            classes.is_empty(),
            labels.as_ref().and_then(|labels| labels.iter().max()),
        ) {
            classes = (0..=*top).map(|label| label.to_string()).collect();
        }
        Ok(Idx {
            pixels,
            labels,
            classes,
            size,
            name: images.display().to_string(),
        })
    }
}

fn files(options: &IdxOptions) -> Result<(PathBuf, Option<PathBuf>)> {
    let path = &options.path;
    if !path.exists() {
        return Err(
            DataError::data(format!("data path {}: does not exist", path.display()))
                .fix("give a folder with IDX files, or the file of the images"),
        );
    }
    if path.is_file() {
        return Ok((path.clone(), options.labels.clone()));
    }
    let prefix = match options.split.as_deref() {
        None | Some("train") => "train",
        Some("test" | "val") => "t10k",
        Some(other) => {
            return Err(
                DataError::usage(format!("idx: there is no split {other:?}")).fix("use train or test")
            );
        }
    };
    let find = |part: &str| {
        let base = format!("{prefix}-{part}-ubyte");
        [base.clone(), base.clone() + ".gz", base.replace("-idx", ".idx")]
            .iter()
            .map(|name| path.join(name))
            .find(|path| path.is_file())
            .ok_or(base)
    };
    let images = find("images-idx3").map_err(|base| {
        DataError::data(format!(
            "data folder {}: has no {base} or {base}.gz",
            path.display()
        ))
        .fix("a folder of the MNIST family holds train-images-idx3-ubyte.gz and three more")
    })?;
    Ok((images, find("labels-idx1").ok()))
}

/// The shape and the bytes of one IDX file.
fn read(path: &Path) -> Result<(Vec<usize>, Vec<u8>)> {
    let fail =
        |what: String| DataError::data(format!("{}: {what}", path.display())).fix("fetch the file again");
    let mut bytes = fs::read(path).map_err(|error| fail(error.to_string()))?;
    if bytes.starts_with(&[0x1f, 0x8b]) {
        let mut raw = Vec::new();
        let mut reader = flate2::read::MultiGzDecoder::new(&bytes[..]).take(MAX_BYTES + 1);
        reader
            .read_to_end(&mut raw)
            .map_err(|error| fail(format!("damaged gzip data: {error}")))?;
        if raw.len() as u64 > MAX_BYTES {
            return Err(fail(format!("unpacks to more than {MAX_BYTES} bytes")));
        }
        bytes = raw;
    }
    let (kind, dimensions) = match bytes[..] {
        [0, 0, kind, dimensions, ..] => (kind, usize::from(dimensions)),
        _ => return Err(fail("is no IDX file".to_owned())),
    };
    if kind != 0x08 {
        return Err(fail(format!(
            "holds values of type 0x{kind:02x}, only unsigned bytes (0x08) are read"
        )));
    }
    let start = 4 + 4 * dimensions;
    let header = bytes
        .get(4..start)
        .ok_or_else(|| fail("truncated in its header".to_owned()))?;
    let shape: Vec<usize> = header
        .chunks_exact(4)
        .map(|size| u32::from_be_bytes([size[0], size[1], size[2], size[3]]) as usize)
        .collect();
    let wanted = shape
        .iter()
        .try_fold(1usize, |product, size| product.checked_mul(*size));
    match wanted {
        Some(wanted) if bytes.len() - start >= wanted && dimensions > 0 => {
            bytes.drain(..start);
            bytes.truncate(wanted);
            Ok((shape, bytes))
        }
        _ => Err(fail(format!(
            "truncated: {} bytes for shape {shape:?}",
            bytes.len() - start
        ))),
    }
}

impl Source for Idx {
    fn len(&self) -> usize {
        self.pixels.len() / self.size.iter().product::<usize>()
    }

    fn label(&self, index: usize) -> Option<i64> {
        self.labels.as_ref().map(|labels| i64::from(labels[index]))
    }

    fn classes(&self) -> &[String] {
        &self.classes
    }

    fn name(&self, index: usize) -> String {
        format!("{}[{index}]", self.name)
    }

    fn load(&self, index: usize) -> std::result::Result<Raw, DecodeError> {
        let [height, width, channels] = self.size;
        let bytes = height * width * channels;
        Ok(Raw::Decoded(Image {
            width,
            height,
            channels,
            data: self.pixels[index * bytes..(index + 1) * bytes].to_vec(),
        }))
    }
}
