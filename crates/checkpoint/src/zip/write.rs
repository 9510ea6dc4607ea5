use std::io::{self, Write};

use super::{CENTRAL, END, END64, END64_LOCATOR, LOCAL, ZIP64_EXTRA};

/// Data of every entry starts at a multiple of this, so that it can be mapped and used in place.
pub const ALIGNMENT: u64 = 64;

/// `FB`, the extra field in which PyTorch puts its padding.
const PADDING_EXTRA: u16 = 0x4246;
/// File names are UTF-8.
const FLAGS: u16 = 1 << 11;

struct Written {
    name: String,
    crc: u32,
    size: u64,
    header: u64,
}

/// Writes stored entries in one pass, with sizes and checksums in the local headers; zip64 where a size, an
/// offset or the number of entries needs it.
pub struct Writer<W> {
    out: W,
    at: u64,
    entries: Vec<Written>,
    force_zip64: bool,
}

impl<W: Write> Writer<W> {
    pub fn new(out: W) -> Self {
        Self {
            out,
            at: 0,
            entries: Vec::new(),
            force_zip64: false,
        }
    }

    /// Zip64 records for everything, as if all were larger than 4 GiB.
    pub fn with_forced_zip64(out: W) -> Self {
        Self {
            force_zip64: true,
            ..Self::new(out)
        }
    }

    /// # Errors
    /// Those of the underlying writer.
    pub fn add(&mut self, name: &str, bytes: &[u8]) -> io::Result<()> {
        let entry = Written {
            name: name.to_string(),
            crc: crc32fast::hash(bytes),
            size: bytes.len() as u64,
            header: self.at,
        };
        let large = self.force_zip64 || entry.size >= u32::MAX as u64;
        let mut extra = Vec::new();
        if large {
            push16(&mut extra, ZIP64_EXTRA);
            push16(&mut extra, 16);
            push64(&mut extra, entry.size);
            push64(&mut extra, entry.size);
        }
        let unpadded = self.at + 30 + name.len() as u64 + extra.len() as u64 + 4;
        let padding = (unpadded.next_multiple_of(ALIGNMENT) - unpadded) as usize;
        push16(&mut extra, PADDING_EXTRA);
        push16(&mut extra, padding as u16);
        extra.resize(extra.len() + padding, b'Z');

        let mut head = Vec::with_capacity(30 + name.len() + extra.len());
        push32(&mut head, LOCAL);
        push16(&mut head, if large { 45 } else { 20 });
        push16(&mut head, FLAGS);
        push16(&mut head, 0);
        push32(&mut head, DOS_TIME);
        push32(&mut head, entry.crc);
        let size = if large { u32::MAX } else { entry.size as u32 };
        push32(&mut head, size);
        push32(&mut head, size);
        push16(&mut head, name.len() as u16);
        push16(&mut head, extra.len() as u16);
        head.extend_from_slice(name.as_bytes());
        head.extend_from_slice(&extra);
        self.put(&head)?;
        self.put(bytes)?;
        self.entries.push(entry);
        Ok(())
    }

    /// Writes the directory and gives the underlying writer back.
    ///
    /// # Errors
    /// Those of the underlying writer.
    pub fn finish(mut self) -> io::Result<W> {
        let start = self.at;
        let mut directory = Vec::new();
        for entry in &self.entries {
            let large = self.force_zip64 || entry.size >= u32::MAX as u64;
            let far = self.force_zip64 || entry.header >= u32::MAX as u64;
            let mut extra = Vec::new();
            if large {
                push64(&mut extra, entry.size);
                push64(&mut extra, entry.size);
            }
            if far {
                push64(&mut extra, entry.header);
            }
            push32(&mut directory, CENTRAL);
            push16(&mut directory, 45);
            push16(&mut directory, if large || far { 45 } else { 20 });
            push16(&mut directory, FLAGS);
            push16(&mut directory, 0);
            push32(&mut directory, DOS_TIME);
            push32(&mut directory, entry.crc);
            let size = if large { u32::MAX } else { entry.size as u32 };
            push32(&mut directory, size);
            push32(&mut directory, size);
            push16(&mut directory, entry.name.len() as u16);
            push16(
                &mut directory,
                if extra.is_empty() {
                    0
                } else {
                    extra.len() as u16 + 4
                },
            );
            // Comment, disk, internal and external attributes.
            directory.extend_from_slice(&[0; 10]);
            push32(&mut directory, if far { u32::MAX } else { entry.header as u32 });
            directory.extend_from_slice(entry.name.as_bytes());
            if !extra.is_empty() {
                push16(&mut directory, ZIP64_EXTRA);
                push16(&mut directory, extra.len() as u16);
                directory.extend_from_slice(&extra);
            }
        }
        self.put(&directory)?;
        let (count, size) = (self.entries.len() as u64, directory.len() as u64);
        let mut end = Vec::new();
        if self.force_zip64 || count >= 0xffff || start >= u32::MAX as u64 || size >= u32::MAX as u64 {
            push32(&mut end, END64);
            push64(&mut end, 44);
            push16(&mut end, 45);
            push16(&mut end, 45);
            push64(&mut end, 0);
            push64(&mut end, count);
            push64(&mut end, count);
            push64(&mut end, size);
            push64(&mut end, start);
            push32(&mut end, END64_LOCATOR);
            push32(&mut end, 0);
            push64(&mut end, start + size);
            push32(&mut end, 1);
        }
        let large = !end.is_empty() && self.force_zip64;
        push32(&mut end, END);
        push32(&mut end, 0);
        let short_count = if large { 0xffff } else { count.min(0xffff) as u16 };
        push16(&mut end, short_count);
        push16(&mut end, short_count);
        push32(
            &mut end,
            if large {
                u32::MAX
            } else {
                size.min(u32::MAX as u64) as u32
            },
        );
        push32(
            &mut end,
            if large {
                u32::MAX
            } else {
                start.min(u32::MAX as u64) as u32
            },
        );
        push16(&mut end, 0);
        self.put(&end)?;
        self.out.flush()?;
        Ok(self.out)
    }

    fn put(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.out.write_all(bytes)?;
        self.at += bytes.len() as u64;
        Ok(())
    }
}

/// 1980-01-01, 00:00: the files of equal trees are equal.
const DOS_TIME: u32 = 0x0021_0000;

fn push16(out: &mut Vec<u8>, value: u16) {
    out.extend_from_slice(&value.to_le_bytes());
}

fn push32(out: &mut Vec<u8>, value: u32) {
    out.extend_from_slice(&value.to_le_bytes());
}

fn push64(out: &mut Vec<u8>, value: u64) {
    out.extend_from_slice(&value.to_le_bytes());
}
