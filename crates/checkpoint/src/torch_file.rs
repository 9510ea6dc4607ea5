use std::{
    fs::File,
    io::{BufReader, Read, Seek, Write},
    path::Path,
};

use crate::{
    atomic,
    error::{Error, Kind, Result},
    legacy,
    pickle::{self, Limits},
    safetensors,
    tree::{Tensor, Tree},
    zip,
};

/// A pickle holds names and numbers; tensors lie beside it.
pub(crate) const MAX_PICKLE: u64 = 1 << 28;
/// Views that are no plain range of their storage are copied; an expanded view may ask for far more than the
/// file holds, so all copies together stay below this plus four times the file's size.
const COPIES: u64 = 1 << 26;

/// A tree with the bytes of its storages, in the order of [`Tree::storages`].
#[derive(Debug)]
pub struct TorchFile {
    pub tree: Tree,
    pub storages: Vec<Vec<u8>>,
    /// Bytes that copies of strided views may still take.
    copies_left: u64,
}

/// What a reader does with the digest sidecar.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verify {
    /// Compare where there is a sidecar.
    IfPresent,
    /// A missing sidecar is an error.
    Required,
    No,
}

/// Reads a file of `torch.save`, of any PyTorch since 0.2, or of safetensors.
///
/// # Errors
/// Missing, cut short, corrupt, or hostile; every message names the file.
pub fn read(path: &Path, verify: Verify) -> Result<TorchFile> {
    match verify {
        Verify::No => {}
        Verify::IfPresent => drop(atomic::check_digest(path)?),
        Verify::Required => {
            if !atomic::check_digest(path)? {
                return Err(Error::new(
                    Kind::Data,
                    format!("{} has no digest beside it", path.display()),
                    "the file was written elsewhere or its save was cut off: read it without verification if you \
                     trust it",
                ));
            }
        }
    }
    let file = File::open(path).map_err(|error| Error::io("read", path, &error))?;
    if file.metadata().is_ok_and(|data| data.is_dir()) {
        return Err(Error::usage(
            format!("{} is a folder", path.display()),
            "give the path of a file",
        ));
    }
    read_from(BufReader::new(file)).map_err(|error| error.in_file(path))
}

/// As [`read`], from anything that can seek.
///
/// # Errors
/// See [`read`].
pub fn read_from<R: Read + Seek>(mut source: R) -> Result<TorchFile> {
    match layout(&mut source)? {
        Layout::Zip => read_zip(source),
        Layout::Legacy => legacy::read(source),
        Layout::Safetensors => safetensors::read(source),
    }
}

fn read_zip<R: Read + Seek>(source: R) -> Result<TorchFile> {
    let mut archive = zip::Reader::open(source)?;
    let Some(root) = archive
        .names()
        .iter()
        .find_map(|name| name.strip_suffix("/data.pkl"))
        .map(String::from)
    else {
        return Err(Error::new(
            Kind::Data,
            "the zip file holds no data.pkl: it is no file of torch.save",
            "TorchScript archives and other zip files cannot be read here",
        ));
    };
    if archive.entry(&format!("{root}/constants.pkl")).is_some() {
        return Err(Error::new(
            Kind::Data,
            "it is a TorchScript archive, not a file of torch.save",
            "save the state dict instead: torch.save(module.state_dict(), path)",
        ));
    }
    if archive.entry(&format!("{root}/byteorder")).is_some() {
        let order = archive.read(&format!("{root}/byteorder"), 16)?;
        if order != b"little" {
            return Err(Error::new(
                Kind::Data,
                "its byte order is not little-endian",
                "save it again on a little-endian machine",
            ));
        }
    }
    let pickle = archive.read(&format!("{root}/data.pkl"), MAX_PICKLE)?;
    let tree = pickle::decode(&pickle, Limits::default())?;
    drop(pickle);
    let mut storages = Vec::new();
    let mut total = 0u64;
    for storage in &tree.storages {
        let name = format!("{root}/data/{}", storage.key);
        if let Some(entry) = archive.entry(&name)
            && entry.size < storage.bytes
        {
            return Err(Error::corrupt(format!(
                "record {name} has {} bytes, the pickle says {}",
                entry.size, storage.bytes
            )));
        }
        // Entries of a hostile directory may overlap; together they are never larger than the file.
        let bytes = archive.read(&name, archive.len() - total)?;
        total += bytes.len() as u64;
        storages.push(bytes);
    }
    Ok(TorchFile::new(tree, storages))
}

/// What a file of weights may be.
enum Layout {
    Zip,
    /// `torch.save` before PyTorch 1.6: pickles and storages one after another.
    Legacy,
    Safetensors,
}

/// Tells the layout of a file; names other formats in the error.
fn layout<R: Read + Seek>(source: &mut R) -> Result<Layout> {
    let mut head = Vec::new();
    source
        .by_ref()
        .take(512)
        .read_to_end(&mut head)
        .map_err(Error::unreadable)?;
    source.rewind().map_err(Error::unreadable)?;
    if head.is_empty() {
        return Err(Error::corrupt("the file is empty"));
    }
    if head.starts_with(b"PK") {
        return Ok(Layout::Zip);
    }
    if legacy::starts_like_one(&head) {
        return Ok(Layout::Legacy);
    }
    let length = source
        .seek(std::io::SeekFrom::End(0))
        .map_err(Error::unreadable)?;
    source.rewind().map_err(Error::unreadable)?;
    if safetensors::starts_like_one(&head, length) {
        return Ok(Layout::Safetensors);
    }
    if head.get(257..262).is_some_and(|mark| mark == b"ustar") {
        return Err(Error::new(
            Kind::Data,
            "it is in the tar format that torch.save wrote before PyTorch 0.2",
            "convert it once: python -c \"import torch; torch.save(torch.load('OLD', map_location='cpu'), 'NEW')\"",
        ));
    }
    if head.starts_with(&[0x80]) {
        return Err(Error::new(
            Kind::Data,
            "it is a plain pickle, not a file of torch.save",
            "load it in Python and save it with torch.save",
        ));
    }
    Err(Error::corrupt("it does not start like a file of torch.save"))
}

impl TorchFile {
    pub(crate) fn new(tree: Tree, storages: Vec<Vec<u8>>) -> Self {
        let total: u64 = storages.iter().map(|bytes| bytes.len() as u64).sum();
        Self {
            tree,
            storages,
            copies_left: total.saturating_mul(4).saturating_add(COPIES),
        }
    }

    /// The bytes of a view in row-major order, for views that are no plain range of their storage.
    ///
    /// # Errors
    /// Views that together would take far more memory than the file has bytes.
    pub fn copy_strided(&mut self, tensor: &Tensor) -> Result<Vec<u8>> {
        let size = tensor.dtype.size;
        let numel = tensor.numel().unwrap_or(u64::MAX);
        let bytes = numel.saturating_mul(size as u64);
        let Some(left) = self.copies_left.checked_sub(bytes) else {
            return Err(Error::corrupt(format!(
                "an expanded tensor of shape {:?} would take {bytes} bytes, far more than the file holds",
                tensor.shape
            )));
        };
        self.copies_left = left;
        let mut out = Vec::new();
        out.try_reserve_exact(bytes as usize).map_err(|_| {
            Error::new(
                Kind::Environment,
                format!("there is not enough memory for {bytes} bytes"),
                "close other programs",
            )
        })?;
        let source = &self.storages[tensor.storage];
        let mut index = vec![0u64; tensor.shape.len()];
        for _ in 0..numel {
            let at: u64 = index
                .iter()
                .zip(&tensor.stride)
                .map(|(i, stride)| i * stride)
                .sum();
            let at = (tensor.offset + at) as usize * size;
            out.extend_from_slice(&source[at..at + size]);
            for (i, &n) in index.iter_mut().zip(&tensor.shape).rev() {
                *i += 1;
                if *i < n {
                    break;
                }
                *i = 0;
            }
        }
        Ok(out)
    }
}

/// Writes `path` and its digest sidecar atomically. `storages` are the bytes of [`Tree::storages`].
///
/// # Errors
/// What the format cannot hold, and failures of the file system; the old file is then still there, and nothing
/// half-written.
pub fn write(path: &Path, tree: &Tree, storages: &[&[u8]]) -> Result<()> {
    let pickle = pickle::encode(tree)?;
    atomic::write_with_digest(path, |out| write_records(out, &pickle, tree, storages))
}

/// The same bytes, to any writer.
///
/// # Errors
/// What the format cannot hold; errors of the writer.
pub fn write_to<W: Write>(out: W, tree: &Tree, storages: &[&[u8]]) -> Result<()> {
    let pickle = pickle::encode(tree)?;
    write_records(out, &pickle, tree, storages).map_err(|error| {
        Error::new(
            Kind::Environment,
            format!("writing failed: {error}"),
            "check the disk",
        )
    })
}

fn write_records<W: Write>(out: W, pickle: &[u8], tree: &Tree, storages: &[&[u8]]) -> std::io::Result<()> {
    let mut archive = zip::Writer::new(out);
    archive.add("archive/data.pkl", pickle)?;
    archive.add("archive/.format_version", b"1")?;
    archive.add(
        "archive/.storage_alignment",
        zip::ALIGNMENT.to_string().as_bytes(),
    )?;
    archive.add("archive/byteorder", b"little")?;
    for (storage, bytes) in tree.storages.iter().zip(storages) {
        archive.add(&format!("archive/data/{}", storage.key), bytes)?;
    }
    archive.add("archive/version", b"3\n")?;
    archive.finish()?;
    Ok(())
}
