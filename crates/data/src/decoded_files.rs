//! Decoded images in files of a folder, for sets that are decoded once and read in many runs.

use std::fmt::Write as _;
use std::fs::{self, File, OpenOptions};
use std::hash::Hasher;
use std::io::{self, Read, Write};
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::UNIX_EPOCH;

use flate2::Crc;

use crate::image::Image;
use crate::loader::lock;

/// Changes when pixels of the same file come out differently, or the layout of an entry changes.
const MAGIC: &[u8; 8] = b"VISSLDI1";
/// Magic, checksum, width, height, channels, length of the key.
const HEADER: usize = 28;
const PART: &str = "part";

/// What an entry is the image of: a file as it was at a time, a place in it, and how it is decoded.
pub struct Key {
    path: PathBuf,
    size: u64,
    modified: u128,
    text: String,
    entry: PathBuf,
}

/// A folder that processes share. An entry is one file: it appears whole, under a name that follows from its key,
/// and holds the key and a checksum. The bytes of all entries are counted in the file `used`, in which room is taken
/// before an entry is written, under a lock of the operating system; so the bound holds whoever writes. What an ended
/// process left half-written is removed by the next one that is alone in the folder.
pub struct DecodedFiles {
    folder: PathBuf,
    limit: u64,
    /// Held shared for life, which tells others that the count is in use.
    _users: Option<File>,
    used: Option<Mutex<File>>,
    full: AtomicBool,
    hits: AtomicU64,
    damaged: AtomicU64,
    trouble: Mutex<Option<String>>,
}

enum Found {
    Image(Image),
    Nothing,
    Damaged(u64),
}

impl DecodedFiles {
    /// Takes entries of `folder`, and puts more there while all of them have at most `limit` bytes together. A folder
    /// that cannot be used is no error, see [`trouble`](Self::trouble).
    pub fn open(folder: &Path, limit: u64) -> Self {
        let mut files = DecodedFiles {
            folder: folder.to_owned(),
            limit,
            _users: None,
            used: None,
            full: AtomicBool::new(false),
            hits: AtomicU64::new(0),
            damaged: AtomicU64::new(0),
            trouble: Mutex::new(None),
        };
        match prepare(folder) {
            Ok((users, used)) => {
                files._users = Some(users);
                files.used = Some(Mutex::new(used));
            }
            Err(error) => files.give_up(&error),
        }
        files
    }

    /// Images that were taken from the folder.
    pub fn hits(&self) -> u64 {
        self.hits.load(Ordering::Relaxed)
    }

    /// Entries that were damaged and made again.
    pub fn damaged(&self) -> u64 {
        self.damaged.load(Ordering::Relaxed)
    }

    /// Why nothing more is put into the folder, when that is an error: a full disk for example.
    pub fn trouble(&self) -> Option<String> {
        lock(&self.trouble).clone()
    }

    fn give_up(&self, error: &io::Error) {
        self.full.store(true, Ordering::Relaxed);
        lock(&self.trouble).get_or_insert_with(|| format!("{}: {error}", self.folder.display()));
    }

    /// The key of the image at `offset` of a file, decoded as `how` says; `None` when the file is not there.
    pub fn key(&self, path: &Path, offset: u64, how: &str) -> Option<Key> {
        let path = std::path::absolute(path).ok()?;
        let (size, modified) = state(&path)?;
        let text = format!("{}\n{offset} {size} {modified} {how}", path.display());
        let mut name = String::new();
        for salt in [0, 1] {
            let mut hasher = std::hash::DefaultHasher::new();
            hasher.write_u8(salt);
            hasher.write(text.as_bytes());
            let _ = write!(name, "{:016x}", hasher.finish());
        }
        let entry = self.folder.join(&name[..2]).join(&name[2..]);
        Some(Key {
            path,
            size,
            modified,
            text,
            entry,
        })
    }

    /// The image of a key. A damaged entry is removed and counted.
    pub fn get(&self, key: &Key) -> Option<Image> {
        match read(key, self.limit) {
            Found::Image(image) => {
                self.hits.fetch_add(1, Ordering::Relaxed);
                Some(image)
            }
            Found::Nothing => None,
            Found::Damaged(bytes) => {
                self.damaged.fetch_add(1, Ordering::Relaxed);
                // Only who removes it gives its room back.
                if fs::remove_file(&key.entry).is_ok() {
                    let _ = self.count(|used| Some(used.saturating_sub(bytes)));
                }
                None
            }
        }
    }

    /// Keeps the image of a key, unless there is no room or the file has changed since the key was made.
    pub fn put(&self, key: &Key, image: &Image) {
        if self.full.load(Ordering::Relaxed) || state(&key.path) != Some((key.size, key.modified)) {
            return;
        }
        if let Err(error) = self.write(key, image) {
            self.give_up(&error);
        }
    }

    fn write(&self, key: &Key, image: &Image) -> io::Result<()> {
        let part = key.entry.with_extension(PART);
        if let Some(folder) = part.parent() {
            fs::create_dir_all(folder)?;
        }
        // Who makes the part is the one that writes the entry.
        let mut file = match OpenOptions::new().write(true).create_new(true).open(&part) {
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => return Ok(()),
            file => file?,
        };
        let bytes = (HEADER + key.text.len() + image.data.len()) as u64;
        let has_room = || {
            self.count(|used| {
                let used = used.checked_add(bytes)?;
                (used <= self.limit).then_some(used)
            })
        };
        let outcome = if key.entry.exists() { Ok(false) } else { has_room() };
        if !matches!(outcome, Ok(true)) {
            let _ = fs::remove_file(&part);
            if matches!(outcome, Ok(false)) && !key.entry.exists() {
                self.full.store(true, Ordering::Relaxed);
            }
            return outcome.map(drop);
        }
        let written = file
            .write_all(&header(key, image))
            .and_then(|()| file.write_all(&image.data))
            .and_then(|()| fs::rename(&part, &key.entry));
        if written.is_err() {
            let _ = fs::remove_file(&part);
            let _ = self.count(|used| Some(used.saturating_sub(bytes)));
        }
        written
    }

    /// Changes the count of bytes; returns whether `change` gave a new one.
    fn count(&self, change: impl FnOnce(u64) -> Option<u64>) -> io::Result<bool> {
        let Some(used) = &self.used else {
            return Ok(false);
        };
        let file = lock(used);
        file.lock()?;
        let outcome = stored_count(&file).and_then(|used| match change(used) {
            Some(used) => file.write_all_at(&used.to_le_bytes(), 0).map(|()| true),
            None => Ok(false),
        });
        file.unlock()?;
        outcome
    }
}

/// Size and time of a file.
fn state(path: &Path) -> Option<(u64, u128)> {
    let found = fs::metadata(path).ok()?;
    let modified = found.modified().ok()?.duration_since(UNIX_EPOCH).ok()?;
    Some((found.len(), modified.as_nanos()))
}

fn stored_count(file: &File) -> io::Result<u64> {
    let mut bytes = [0; 8];
    file.read_exact_at(&mut bytes, 0)?;
    Ok(u64::from_le_bytes(bytes))
}

/// Opens the two files that processes agree by; the first process counts anew.
fn prepare(folder: &Path) -> io::Result<(File, File)> {
    fs::create_dir_all(folder)?;
    let open = |name: &str| {
        let mut options = OpenOptions::new();
        options.read(true).write(true).create(true).truncate(false);
        options.open(folder.join(name))
    };
    let (users, used) = (open("users")?, open("used")?);
    if users.try_lock().is_ok() {
        let total = recount(folder)?;
        used.write_all_at(&total.to_le_bytes(), 0)?;
        users.unlock()?;
    }
    users.lock_shared()?;
    Ok((users, used))
}

/// Bytes of all entries; parts are removed.
fn recount(folder: &Path) -> io::Result<u64> {
    let mut total = 0;
    for below in fs::read_dir(folder)? {
        let below = below?;
        if !below.file_type()?.is_dir() {
            continue;
        }
        for entry in fs::read_dir(below.path())? {
            let path = entry?.path();
            if path.extension().is_some_and(|extension| extension == PART) {
                fs::remove_file(&path)?;
            } else {
                total += fs::symlink_metadata(&path)?.len();
            }
        }
    }
    Ok(total)
}

fn header(key: &Key, image: &Image) -> Vec<u8> {
    let mut fields = Vec::with_capacity(HEADER + key.text.len());
    for size in [image.width, image.height, image.channels, key.text.len()] {
        fields.extend((size as u32).to_le_bytes());
    }
    fields.extend(key.text.as_bytes());
    let mut header = MAGIC.to_vec();
    header.extend(checksum(&fields, &image.data).to_le_bytes());
    header.extend(fields);
    header
}

fn checksum(fields: &[u8], pixels: &[u8]) -> u32 {
    let mut crc = Crc::new();
    crc.update(fields);
    crc.update(pixels);
    crc.sum()
}

fn read(key: &Key, limit: u64) -> Found {
    let Ok(mut file) = File::open(&key.entry) else {
        return Found::Nothing;
    };
    let Ok(bytes) = file.metadata().map(|found| found.len()) else {
        return Found::Nothing;
    };
    let mut parse = || -> io::Result<Option<Image>> {
        let mut head = [0; HEADER];
        file.read_exact(&mut head)?;
        let word =
            |at: usize| u32::from_le_bytes([head[at], head[at + 1], head[at + 2], head[at + 3]]) as usize;
        let (sum, width, height, channels, text) = (word(8), word(12), word(16), word(20), word(24));
        let area = width
            .checked_mul(height)
            .and_then(|area| area.checked_mul(channels));
        let whole = area.and_then(|area| area.checked_add(HEADER + text));
        let (Some(area), true) = (area, whole.map(|whole| whole as u64) == Some(bytes)) else {
            return Err(io::ErrorKind::InvalidData.into());
        };
        let is_image = area > 0 && (channels == 1 || channels == 3) && &head[..8] == MAGIC;
        if !is_image || bytes > limit.max(1 << 32) {
            return Err(io::ErrorKind::InvalidData.into());
        }
        let mut fields = head[12..].to_vec();
        fields.resize(HEADER - 12 + text, 0);
        file.read_exact(&mut fields[HEADER - 12..])?;
        let mut data = vec![0; area];
        file.read_exact(&mut data)?;
        if checksum(&fields, &data) as usize != sum {
            return Err(io::ErrorKind::InvalidData.into());
        }
        // Another key with the same name.
        if &fields[HEADER - 12..] != key.text.as_bytes() {
            return Ok(None);
        }
        Ok(Some(Image {
            width,
            height,
            channels,
            data,
        }))
    };
    match parse() {
        Ok(Some(image)) => Found::Image(image),
        Ok(None) => Found::Nothing,
        Err(_) => Found::Damaged(bytes),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn scratch(name: &str) -> PathBuf {
        let folder = std::env::temp_dir().join(format!("vissl-{name}-{}", std::process::id()));
        let _ = fs::remove_dir_all(&folder);
        fs::create_dir_all(&folder).unwrap();
        folder
    }

    fn sum(folder: &Path) -> u64 {
        recount(&folder.join("cache")).unwrap()
    }

    /// Ten files, and an image of each.
    fn set(folder: &Path) -> Vec<(PathBuf, Image)> {
        (0..10u8)
            .map(|at| {
                let path = folder.join(format!("{at}.jpg"));
                fs::write(&path, [at]).unwrap();
                let mut image = Image::filled(20, 10, 3, at);
                image.data[usize::from(at)] = 255;
                (path, image)
            })
            .collect()
    }

    #[test]
    fn entries_come_back_as_they_were_and_only_for_the_same_file() {
        let folder = scratch("decoded-same");
        let set = set(&folder);
        let cache = DecodedFiles::open(&folder.join("cache"), 1 << 20);
        for (path, image) in &set {
            let key = cache.key(path, 0, "a").unwrap();
            assert!(cache.get(&key).is_none());
            cache.put(&key, image);
            assert!(cache.get(&key).unwrap().data == image.data);
            assert!(cache.get(&cache.key(path, 0, "b").unwrap()).is_none());
            assert!(cache.get(&cache.key(path, 1, "a").unwrap()).is_none());
        }
        let (path, image) = &set[0];
        let before = cache.key(path, 0, "a").unwrap();
        fs::write(path, b"longer").unwrap();
        assert!(cache.get(&cache.key(path, 0, "a").unwrap()).is_none());
        cache.put(&before, image);
        assert_eq!(
            sum(&folder),
            set.len() as u64 * (fs::metadata(before.entry).unwrap().len())
        );
        assert_eq!(cache.hits(), 10);
        fs::remove_dir_all(folder).unwrap();
    }

    #[test]
    fn a_damaged_entry_is_removed_counted_and_made_again() {
        let folder = scratch("decoded-damaged");
        let set = set(&folder);
        let cache = DecodedFiles::open(&folder.join("cache"), 1 << 20);
        let (path, image) = &set[3];
        let key = cache.key(path, 0, "").unwrap();
        cache.put(&key, image);
        let good = fs::read(&key.entry).unwrap();
        for at in (0..good.len()).step_by(7) {
            let mut bad = good.clone();
            bad[at] ^= 4;
            fs::write(&key.entry, &bad).unwrap();
            assert!(cache.get(&key).is_none(), "byte {at}");
            assert!(!key.entry.exists());
            cache.put(&key, image);
        }
        for length in [0, 5, HEADER, good.len() - 1] {
            fs::write(&key.entry, &good[..length]).unwrap();
            assert!(cache.get(&key).is_none(), "length {length}");
            cache.put(&key, image);
        }
        assert_eq!(cache.damaged(), (good.len().div_ceil(7) + 4) as u64);
        assert!(cache.get(&key).unwrap().data == image.data);
        assert!(cache.trouble().is_none());
        fs::remove_dir_all(folder).unwrap();
    }

    #[test]
    fn the_bound_holds_for_all_that_write() {
        let folder = scratch("decoded-bound");
        let set = set(&folder);
        let limit = 3_000;
        let caches: Vec<DecodedFiles> = (0..4)
            .map(|_| DecodedFiles::open(&folder.join("cache"), limit))
            .collect();
        std::thread::scope(|scope| {
            for cache in &caches {
                scope.spawn(|| {
                    for (path, image) in &set {
                        cache.put(&cache.key(path, 0, "").unwrap(), image);
                    }
                });
            }
        });
        assert!(sum(&folder) <= limit && sum(&folder) > limit / 2);
        assert_eq!(
            stored_count(&lock(caches[0].used.as_ref().unwrap())).unwrap(),
            sum(&folder)
        );
        // What a process that ended left behind is not counted for ever.
        drop(caches);
        fs::write(folder.join("cache/used"), u64::MAX.to_le_bytes()).unwrap();
        fs::create_dir_all(folder.join("cache/00")).unwrap();
        fs::write(folder.join("cache/00/left.part"), [0; 100]).unwrap();
        let cache = DecodedFiles::open(&folder.join("cache"), 1 << 20);
        for (path, image) in &set {
            let key = cache.key(path, 0, "").unwrap();
            cache.put(&key, image);
            assert!(cache.get(&key).is_some());
        }
        assert!(!folder.join("cache/00/left.part").exists());
        fs::remove_dir_all(folder).unwrap();
    }

    #[test]
    fn a_folder_that_cannot_be_used_is_told_once_and_does_no_harm() {
        let folder = scratch("decoded-none");
        let set = set(&folder);
        let cache = DecodedFiles::open(&set[0].0.join("below"), 1 << 20);
        assert!(cache.trouble().is_some());
        let key = cache.key(&set[1].0, 0, "").unwrap();
        cache.put(&key, &set[1].1);
        assert!(cache.get(&key).is_none());
        // A file stands where the folder of an entry would be made.
        let cache = DecodedFiles::open(&folder.join("cache"), 1 << 20);
        let key = cache.key(&set[2].0, 0, "").unwrap();
        fs::write(key.entry.parent().unwrap(), b"").unwrap();
        cache.put(&key, &set[2].1);
        assert!(cache.trouble().is_some());
        assert_eq!(stored_count(&lock(cache.used.as_ref().unwrap())).unwrap(), 0);
        fs::remove_dir_all(folder).unwrap();
    }
}
