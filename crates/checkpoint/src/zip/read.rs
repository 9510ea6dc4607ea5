use std::{
    collections::HashMap,
    io::{Read, Seek, SeekFrom},
};

use super::{CENTRAL, END, END64, END64_LOCATOR, LOCAL, ZIP64_EXTRA};
use crate::error::{Error, Kind, Result};

/// The central directory is read whole; 2^28 bytes hold some three million entries.
const MAX_DIRECTORY: u64 = 1 << 28;

#[derive(Clone, Debug)]
pub struct Entry {
    pub size: u64,
    compressed_size: u64,
    method: u16,
    crc: u32,
    /// Where the local header starts.
    header: u64,
}

/// An archive opened by its central directory. Nothing that a header says is trusted beyond the file's size.
pub struct Reader<R> {
    source: R,
    len: u64,
    names: Vec<String>,
    entries: HashMap<String, Entry>,
}

impl<R: Read + Seek> Reader<R> {
    /// # Errors
    /// Not a zip file, cut short, or inconsistent.
    pub fn open(mut source: R) -> Result<Self> {
        let len = source.seek(SeekFrom::End(0)).map_err(Error::unreadable)?;
        let (count, start, size) = find_directory(&mut source, len)?;
        if size > MAX_DIRECTORY {
            return Err(Error::corrupt(format!(
                "the zip directory claims {size} bytes, more than is allowed"
            )));
        }
        if start.checked_add(size).is_none_or(|end| end > len) {
            return Err(Error::corrupt(format!(
                "the zip directory claims bytes {start} to {} of a file of {len}",
                start.saturating_add(size)
            )));
        }
        // Each entry takes at least 46 bytes.
        if count > size / 46 {
            return Err(Error::corrupt(format!(
                "the zip directory claims {count} entries in {size} bytes"
            )));
        }
        let directory = read_at(&mut source, start, size)?;
        let mut reader = Self {
            source,
            len,
            names: Vec::new(),
            entries: HashMap::new(),
        };
        reader.read_directory(&directory, count, start)?;
        Ok(reader)
    }

    fn read_directory(&mut self, directory: &[u8], count: u64, start: u64) -> Result<()> {
        let mut at = 0usize;
        for _ in 0..count {
            let bad = || {
                Error::corrupt(format!(
                    "the zip directory is damaged at offset {}",
                    start + at as u64
                ))
            };
            let head = directory.get(at..at + 46).ok_or_else(bad)?;
            if u32_at(head, 0) != CENTRAL {
                return Err(bad());
            }
            let (name_len, extra_len, comment_len) = (
                u16_at(head, 28) as usize,
                u16_at(head, 30) as usize,
                u16_at(head, 32) as usize,
            );
            let name = directory.get(at + 46..at + 46 + name_len).ok_or_else(bad)?;
            let extra = directory
                .get(at + 46 + name_len..at + 46 + name_len + extra_len)
                .ok_or_else(bad)?;
            let mut entry = Entry {
                size: u32_at(head, 24) as u64,
                compressed_size: u32_at(head, 20) as u64,
                method: u16_at(head, 10),
                crc: u32_at(head, 16),
                header: u32_at(head, 42) as u64,
            };
            read_zip64(extra, &mut entry).ok_or_else(bad)?;
            let name = std::str::from_utf8(name).map_err(|_| bad())?.to_string();
            if self.entries.insert(name.clone(), entry).is_some() {
                return Err(Error::corrupt(format!("the zip directory lists {name} twice")));
            }
            self.names.push(name);
            at += 46 + name_len + extra_len + comment_len;
        }
        Ok(())
    }

    /// Bytes of the whole file.
    #[allow(clippy::len_without_is_empty)]
    pub fn len(&self) -> u64 {
        self.len
    }

    /// In the order of the directory.
    pub fn names(&self) -> &[String] {
        &self.names
    }

    pub fn entry(&self, name: &str) -> Option<&Entry> {
        self.entries.get(name)
    }

    /// The bytes of an entry, its checksum verified.
    ///
    /// # Errors
    /// No such entry, compressed, larger than `limit` or than the file, or a checksum that differs. A checksum
    /// of 0 is not compared: PyTorch writes it where `set_crc32_options(False)` was called.
    pub fn read(&mut self, name: &str, limit: u64) -> Result<Vec<u8>> {
        let entry = self
            .entries
            .get(name)
            .cloned()
            .ok_or_else(|| Error::corrupt(format!("it holds no record {name}")))?;
        if entry.method != 0 {
            return Err(Error::new(
                Kind::Data,
                format!(
                    "record {name} is compressed (zip method {}); torch.save never compresses",
                    entry.method
                ),
                "unpack the file and pack it again without compression (zip -0), or save it again with torch.save",
            ));
        }
        if entry.size != entry.compressed_size {
            return Err(Error::corrupt(format!("record {name} has two different sizes")));
        }
        if entry.size > limit {
            return Err(Error::corrupt(format!(
                "record {name} has {} bytes, more than {limit}",
                entry.size
            )));
        }
        let bad = || {
            Error::corrupt(format!(
                "record {name} at offset {} is damaged or cut short",
                entry.header
            ))
        };
        if entry.header.checked_add(30).is_none_or(|end| end > self.len) {
            return Err(bad());
        }
        let head = read_at(&mut self.source, entry.header, 30)?;
        if u32_at(&head, 0) != LOCAL {
            return Err(bad());
        }
        let data = entry.header + 30 + u16_at(&head, 26) as u64 + u16_at(&head, 28) as u64;
        if data.checked_add(entry.size).is_none_or(|end| end > self.len) {
            return Err(bad());
        }
        let bytes = read_at(&mut self.source, data, entry.size)?;
        if entry.crc != 0 && crc32fast::hash(&bytes) != entry.crc {
            return Err(Error::corrupt(format!(
                "record {name} at offset {data} does not match its checksum"
            )));
        }
        Ok(bytes)
    }
}

/// Entry count, start and size of the central directory.
fn find_directory<R: Read + Seek>(source: &mut R, len: u64) -> Result<(u64, u64, u64)> {
    let no_end = || Error::corrupt("it is no zip file, or its end is missing: the file was cut short");
    if len < 22 {
        return Err(no_end());
    }
    let tail_len = len.min(22 + 0xffff);
    let tail_start = len - tail_len;
    let tail = read_at(source, tail_start, tail_len)?;
    let end = (0..=tail.len() - 22)
        .rev()
        .find(|&at| u32_at(&tail, at) == END)
        .ok_or_else(no_end)?;
    let record = &tail[end..];
    let (count, size, start) = (
        u16_at(record, 10) as u64,
        u32_at(record, 12) as u64,
        u32_at(record, 16) as u64,
    );
    if count != 0xffff && size != 0xffff_ffff && start != 0xffff_ffff {
        return Ok((count, start, size));
    }
    let end_offset = tail_start + end as u64;
    let Some(locator_at) = end_offset.checked_sub(20) else {
        return Ok((count, start, size));
    };
    let locator = read_at(source, locator_at, 20)?;
    if u32_at(&locator, 0) != END64_LOCATOR {
        return Ok((count, start, size));
    }
    let end64_at = u64_at(&locator, 8);
    if end64_at.checked_add(56).is_none_or(|end| end > locator_at) {
        return Err(Error::corrupt(format!(
            "the zip64 end record claims to be at offset {end64_at}"
        )));
    }
    let end64 = read_at(source, end64_at, 56)?;
    if u32_at(&end64, 0) != END64 {
        return Err(Error::corrupt(format!(
            "there is no zip64 end record at offset {end64_at}"
        )));
    }
    Ok((u64_at(&end64, 32), u64_at(&end64, 48), u64_at(&end64, 40)))
}

/// Takes 64-bit sizes and offset from the extra field where the 32-bit ones are saturated.
fn read_zip64(mut extra: &[u8], entry: &mut Entry) -> Option<()> {
    let mut wanted: Vec<&mut u64> = [&mut entry.size, &mut entry.compressed_size, &mut entry.header]
        .into_iter()
        .filter(|value| **value == 0xffff_ffff)
        .collect();
    if wanted.is_empty() {
        return Some(());
    }
    while extra.len() >= 4 {
        let (id, len) = (u16_at(extra, 0), u16_at(extra, 2) as usize);
        let mut field = extra.get(4..4 + len)?;
        if id == ZIP64_EXTRA {
            for value in &mut wanted {
                **value = u64_at(field.get(..8)?, 0);
                field = &field[8..];
            }
            return Some(());
        }
        extra = &extra[4 + len..];
    }
    // Exactly 0xffffffff, without an extra field, is a legal size.
    Some(())
}

/// `size` must have been compared with the file's size.
fn read_at<R: Read + Seek>(source: &mut R, at: u64, size: u64) -> Result<Vec<u8>> {
    let no_memory = || {
        Error::new(
            Kind::Environment,
            format!("there is not enough memory for {size} bytes"),
            "close other programs or use a machine with more memory",
        )
    };
    let mut bytes = Vec::new();
    bytes
        .try_reserve_exact(usize::try_from(size).map_err(|_| no_memory())?)
        .map_err(|_| no_memory())?;
    source.seek(SeekFrom::Start(at)).map_err(Error::unreadable)?;
    let read = source
        .by_ref()
        .take(size)
        .read_to_end(&mut bytes)
        .map_err(Error::unreadable)?;
    if read as u64 != size {
        return Err(Error::corrupt(format!(
            "the file ends at offset {} in the middle of a record",
            at + read as u64
        )));
    }
    Ok(bytes)
}

fn u16_at(bytes: &[u8], at: usize) -> u16 {
    u16::from_le_bytes([bytes[at], bytes[at + 1]])
}

fn u32_at(bytes: &[u8], at: usize) -> u32 {
    u32::from_le_bytes([bytes[at], bytes[at + 1], bytes[at + 2], bytes[at + 3]])
}

fn u64_at(bytes: &[u8], at: usize) -> u64 {
    u32_at(bytes, at) as u64 | (u32_at(bytes, at + 4) as u64) << 32
}
