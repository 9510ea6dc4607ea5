use std::collections::BTreeMap;
use std::fs::{self, File};
use std::io::{Read, Seek, SeekFrom};
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};

use serde::Deserialize;

use super::folder::EXTENSIONS;
use super::table::numbered;
use super::{Raw, Skipped, Source};
use crate::decode::DecodeError;
use crate::error::{DataError, Result};

/// An image larger than this many bytes is left out.
const MAX_IMAGE: u64 = 1 << 30;
/// Label and name records larger than this many bytes are left out.
const MAX_TEXT: u64 = 1 << 20;

#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct TarOptions {
    /// A tar file, a folder of them, or a name with `{000..123}` in it.
    pub path: PathBuf,
}

/// Images in tar files named as WebDataset names them: files that share a name up to its first point are one
/// sample, `x.jpg` its image, `x.cls` (a number or a name) or the `label` of `x.json` its label.
#[derive(Debug)]
pub struct Tar {
    shards: Vec<Shard>,
    samples: Vec<Member>,
    labels: Vec<i64>,
    classes: Vec<String>,
    skipped: Vec<Skipped>,
}

#[derive(Debug)]
struct Shard {
    path: PathBuf,
    file: Mutex<File>,
}

#[derive(Debug)]
struct Member {
    shard: u32,
    offset: u64,
    bytes: u64,
    name: Box<str>,
}

/// The files that `a-{000..003}.tar` stands for.
fn expand(path: &Path) -> Result<Vec<PathBuf>> {
    let text = path.to_string_lossy();
    let Some((head, rest)) = text.split_once('{') else {
        return Ok(vec![path.to_owned()]);
    };
    let wrong = || {
        DataError::usage(format!("tar shards {text}: the braces hold no range"))
            .fix("write it as images-{0000..0123}.tar")
    };
    let (range, tail) = rest.split_once('}').ok_or_else(wrong)?;
    let (low, high) = range.split_once("..").ok_or_else(wrong)?;
    let number = |text: &str| text.parse::<u32>().map_err(|_| wrong());
    let (first, last) = (number(low)?, number(high)?);
    if first > last || last - first > 1_000_000 {
        return Err(wrong());
    }
    let width = low.len();
    Ok((first..=last)
        .map(|at| PathBuf::from(format!("{head}{at:0width$}{tail}")))
        .collect())
}

impl Tar {
    /// Reads the headers of every shard.
    ///
    /// # Errors
    /// A shard is missing or damaged, or there is no image.
    pub fn open(options: &TarOptions) -> Result<Self> {
        let mut files = Vec::new();
        for path in expand(&options.path)? {
            let fail =
                |error: std::io::Error| DataError::data(format!("tar shard {}: {error}", path.display()));
            if fs::metadata(&path).map_err(fail)?.is_dir() {
                for entry in fs::read_dir(&path).map_err(fail)? {
                    let inner = entry.map_err(fail)?.path();
                    if inner.extension().is_some_and(|extension| extension == "tar") {
                        files.push(inner);
                    }
                }
            } else {
                files.push(path);
            }
        }
        files.sort();
        let mut tar = Tar {
            shards: Vec::new(),
            samples: Vec::new(),
            labels: Vec::new(),
            classes: Vec::new(),
            skipped: Vec::new(),
        };
        let mut texts = Vec::new();
        for path in files {
            tar.scan(path, &mut texts)?;
        }
        if tar.samples.is_empty() {
            return Err(
                DataError::data(format!("tar shards {}: hold no image", options.path.display()))
                    .fix("images are members named *.jpg, *.png, …"),
            );
        }
        if texts.len() == tar.samples.len() && texts.iter().all(Option::is_some) {
            (tar.labels, tar.classes) = numbered(texts.into_iter().flatten().collect()).map_err(|what| {
                DataError::data(format!("tar shards {}: {what}", options.path.display()))
                    .fix("give every image a whole number or a name as its label")
            })?;
        } else if let Some(at) = texts
            .iter()
            .position(Option::is_none)
            .filter(|_| texts.iter().any(Option::is_some))
        {
            return Err(
                DataError::data(format!("{}: has no label where others have one", tar.name(at)))
                    .fix("give every image a .cls or .json member, or none"),
            );
        }
        Ok(tar)
    }

    fn scan(&mut self, path: PathBuf, texts: &mut Vec<Option<String>>) -> Result<()> {
        let fail = |what: String| {
            DataError::data(format!("tar shard {}: {what}", path.display()))
                .fix("make or fetch the shard again")
        };
        let mut file = File::open(&path).map_err(|error| fail(error.to_string()))?;
        let size = file.metadata().map_err(|error| fail(error.to_string()))?.len();
        let shard = self.shards.len() as u32;
        let mut samples: BTreeMap<String, (Option<Member>, Option<String>)> = BTreeMap::new();
        let mut order: Vec<String> = Vec::new();
        let (mut at, mut long_name) = (0u64, None::<String>);
        let mut header = [0u8; 512];
        while at < size {
            if at + 512 > size {
                return Err(fail("truncated".to_owned()));
            }
            file.seek(SeekFrom::Start(at))
                .map_err(|error| fail(error.to_string()))?;
            file.read_exact(&mut header)
                .map_err(|error| fail(error.to_string()))?;
            if header.iter().all(|byte| *byte == 0) {
                break;
            }
            let bytes = octal(&header[124..136]).filter(|_| checksum(&header));
            let bytes = bytes.ok_or_else(|| fail(format!("damaged at byte {at}")))?;
            let offset = at + 512;
            let end = offset.checked_add(bytes).filter(|end| *end <= size);
            let end = end.ok_or_else(|| fail("truncated".to_owned()))?;
            let mut body = |limit: u64| -> Result<Vec<u8>> {
                let mut body = vec![0; bytes.min(limit) as usize];
                file.read_exact(&mut body)
                    .map_err(|error| fail(error.to_string()))?;
                Ok(body)
            };
            match header[156] {
                b'L' => long_name = Some(text(&body(MAX_TEXT)?)),
                b'x' => long_name = pax_path(&body(MAX_TEXT)?).or(long_name),
                b'0' | 0 => {
                    let name = long_name.take().unwrap_or_else(|| plain_name(&header));
                    let base = name.rsplit('/').next().unwrap_or(&name);
                    let cut = name.len() - base.len() + base.find('.').unwrap_or(base.len());
                    let (key, extension) = (
                        name[..cut].to_owned(),
                        name[cut..].trim_start_matches('.').to_lowercase(),
                    );
                    let sample = samples.entry(key.clone()).or_insert_with(|| {
                        order.push(key);
                        (None, None)
                    });
                    let last = extension.rsplit('.').next().unwrap_or_default();
                    if EXTENSIONS.contains(&last) && bytes <= MAX_IMAGE {
                        sample.0 = Some(Member {
                            shard,
                            offset,
                            bytes,
                            name: name.into(),
                        });
                    } else if extension == "cls" {
                        sample.1 = Some(text(&body(MAX_TEXT)?).trim().to_owned());
                    } else if extension == "json" {
                        let value: Option<serde_json::Value> = serde_json::from_slice(&body(MAX_TEXT)?).ok();
                        sample.1 =
                            value
                                .as_ref()
                                .and_then(|value| value.get("label"))
                                .map(|label| match label {
                                    serde_json::Value::String(text) => text.clone(),
                                    label => label.to_string(),
                                });
                    }
                }
                _ => {}
            }
            at = end.next_multiple_of(512);
        }
        if at > size {
            return Err(fail("truncated".to_owned()));
        }
        for key in order {
            match samples.remove(&key) {
                Some((Some(member), label)) => {
                    self.samples.push(member);
                    texts.push(label);
                }
                _ => self.skipped.push(Skipped {
                    path: format!("{}/{key}", path.display()),
                    reason: "has no image".to_owned(),
                }),
            }
        }
        self.shards.push(Shard {
            path,
            file: Mutex::new(file),
        });
        Ok(())
    }
}

fn text(bytes: &[u8]) -> String {
    let end = bytes.iter().position(|byte| *byte == 0).unwrap_or(bytes.len());
    String::from_utf8_lossy(&bytes[..end]).into_owned()
}

fn plain_name(header: &[u8; 512]) -> String {
    let (name, prefix) = (text(&header[..100]), text(&header[345..500]));
    if &header[257..262] == b"ustar" && !prefix.is_empty() {
        format!("{prefix}/{name}")
    } else {
        name
    }
}

/// A number in octal digits, or in binary when the highest bit is set.
fn octal(field: &[u8]) -> Option<u64> {
    if field[0] & 0x80 != 0 {
        return field[4..].iter().try_fold(0u64, |sum, byte| {
            sum.checked_mul(256)?.checked_add(u64::from(*byte))
        });
    }
    let text = text(field);
    u64::from_str_radix(text.trim(), 8).ok()
}

fn checksum(header: &[u8; 512]) -> bool {
    let sum: u64 = header
        .iter()
        .enumerate()
        .map(|(at, byte)| {
            if (148..156).contains(&at) {
                32
            } else {
                u64::from(*byte)
            }
        })
        .sum();
    octal(&header[148..156]) == Some(sum)
}

/// The `path` record of an extended header.
fn pax_path(body: &[u8]) -> Option<String> {
    let text = String::from_utf8_lossy(body);
    text.lines()
        .find_map(|line| line.split_once(' ')?.1.strip_prefix("path=").map(str::to_owned))
}

impl Source for Tar {
    fn len(&self) -> usize {
        self.samples.len()
    }

    fn label(&self, index: usize) -> Option<i64> {
        self.labels.get(index).copied()
    }

    fn classes(&self) -> &[String] {
        &self.classes
    }

    fn name(&self, index: usize) -> String {
        let member = &self.samples[index];
        format!(
            "{}/{}",
            self.shards[member.shard as usize].path.display(),
            member.name
        )
    }

    fn skipped(&self) -> &[Skipped] {
        &self.skipped
    }

    fn place(&self, index: usize) -> Option<(PathBuf, u64)> {
        let member = &self.samples[index];
        Some((self.shards[member.shard as usize].path.clone(), member.offset))
    }

    fn load(&self, index: usize) -> std::result::Result<Raw, DecodeError> {
        let member = &self.samples[index];
        let unreadable = |error: std::io::Error| DecodeError::Unreadable(error.to_string());
        let mut bytes = vec![0; member.bytes as usize];
        let shard = &self.shards[member.shard as usize];
        let mut file = shard.file.lock().unwrap_or_else(PoisonError::into_inner);
        file.seek(SeekFrom::Start(member.offset)).map_err(unreadable)?;
        file.read_exact(&mut bytes).map_err(unreadable)?;
        Ok(Raw::Encoded(bytes))
    }
}
