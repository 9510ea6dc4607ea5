use std::{
    fs::File,
    io::{Read, Seek, SeekFrom},
    path::{Path, PathBuf},
    sync::{Mutex, PoisonError},
};

use super::{Element, count_of, npy, unicode};
use crate::error::{Error, Result};

/// Longer headers are no headers.
const MAX_HEADER: u64 = 1 << 20;

/// A one-dimensional `.npy` file of texts of one width, of which an element is read when it is asked for. Memory
/// does not grow with the file.
pub struct TextFile {
    path: PathBuf,
    file: Mutex<File>,
    start: u64,
    element: Element,
    size: usize,
    count: usize,
}

impl TextFile {
    /// `None` for arrays that have to be read whole: objects, numbers, other shapes.
    ///
    /// # Errors
    /// Missing, unreadable, cut short or corrupt; the message names the file.
    pub fn open(path: &Path) -> Result<Option<Self>> {
        let failed = |error: std::io::Error| Error::io("read", path, &error);
        let mut file = File::open(path).map_err(failed)?;
        let length = file.metadata().map_err(failed)?.len();
        let mut head = Vec::new();
        (&mut file)
            .take(MAX_HEADER)
            .read_to_end(&mut head)
            .map_err(failed)?;
        let (header, start) = npy::header(&head).map_err(|error| error.in_file(path))?;
        let element = Element::parse(&header.descr).map_err(|error| error.in_file(path))?;
        let size = match (element, element.size()) {
            (Element::Unicode { .. } | Element::Bytes { .. }, Some(size)) if size > 0 => size,
            _ => return Ok(None),
        };
        if header.shape.len() != 1 {
            return Ok(None);
        }
        let count = count_of(&header.shape).map_err(|error| error.in_file(path))?;
        let end = count
            .checked_mul(size as u64)
            .and_then(|bytes| bytes.checked_add(start as u64));
        if end.is_none_or(|end| end > length) {
            let what = format!("it is cut short: {count} texts of {size} bytes do not fit {length} bytes");
            return Err(Error::corrupt(what).in_file(path));
        }
        Ok(Some(Self {
            path: path.into(),
            file: Mutex::new(file),
            start: start as u64,
            element,
            size,
            count: count as usize,
        }))
    }

    pub fn len(&self) -> usize {
        self.count
    }

    pub fn is_empty(&self) -> bool {
        self.count == 0
    }

    /// # Errors
    /// `index` is not below the length; the file was cut or changed meanwhile.
    pub fn get(&self, index: usize) -> Result<String> {
        if index >= self.count {
            return Err(Error::corrupt(format!(
                "element {index} of {} is asked for",
                self.count
            )));
        }
        let mut bytes = vec![0; self.size];
        {
            let mut file = self.file.lock().unwrap_or_else(PoisonError::into_inner);
            file.seek(SeekFrom::Start(self.start + (index * self.size) as u64))
                .and_then(|_| file.read_exact(&mut bytes))
                .map_err(|error| Error::io("read", &self.path, &error))?;
        }
        let text = match self.element {
            Element::Unicode { swapped, .. } => unicode(&bytes, swapped),
            _ => super::latin(&bytes),
        };
        text.ok_or_else(|| {
            Error::corrupt(format!("text {index} holds a character that does not exist")).in_file(&self.path)
        })
    }
}
