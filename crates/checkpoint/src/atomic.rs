//! Files that are whole or absent.
//!
//! A file is written to a sibling named `.NAME.PID-N.vissl-tmp`, flushed to the disk and renamed; then its
//! folder is flushed. Killed at any point, the old file or the new one is there under its name, with its own
//! digest or with none; a sibling may be left behind, which no reader looks at. After a power loss the same
//! holds where the file system honours fsync.

use std::{
    ffi::{OsStr, OsString},
    fs::{self, File, OpenOptions},
    io::{self, BufWriter, Read, Write},
    path::{Path, PathBuf},
    sync::atomic::{AtomicU64, Ordering},
};

use sha2::{Digest, Sha256};

use crate::error::{Error, Kind, Result};

/// How siblings in the making end.
pub const TEMPORARY_SUFFIX: &str = ".vissl-tmp";

static COUNTER: AtomicU64 = AtomicU64::new(0);

/// Replaces `path` by `bytes`.
///
/// # Errors
/// Those of the file system, with the path, the reason and a fix; the old file is then untouched.
pub fn write(path: &Path, bytes: &[u8]) -> Result<()> {
    let fail = |error: io::Error| Error::io("write", path, &error);
    let temporary = Temporary::create(path).map_err(fail)?;
    (&temporary.file).write_all(bytes).map_err(fail)?;
    temporary.file.sync_all().map_err(fail)?;
    temporary.rename(path).map_err(fail)?;
    sync_folder(path).map_err(fail)
}

/// Replaces `path` by what `fill` writes, and `path.sha256` by its digest in the form of `sha256sum`.
///
/// The old digest is removed before the file changes, so a digest never belongs to another version of the file.
///
/// # Errors
/// As [`write`].
pub fn write_with_digest(path: &Path, fill: impl FnOnce(&mut dyn Write) -> io::Result<()>) -> Result<()> {
    let fail = |error: io::Error| Error::io("write", path, &error);
    if path.is_dir() {
        return Err(Error::usage(
            format!("{} is a folder", path.display()),
            "give the path of a file",
        ));
    }
    let temporary = Temporary::create(path).map_err(fail)?;
    let mut out = BufWriter::with_capacity(
        1 << 16,
        Hashing {
            out: &temporary.file,
            hash: Sha256::new(),
        },
    );
    fill(&mut out).map_err(fail)?;
    let hashing = out.into_inner().map_err(|error| fail(error.into_error()))?;
    let hash = hashing.hash.finalize();

    let sidecar = sidecar_path(path);
    let digest = Temporary::create(&sidecar).map_err(fail)?;
    let name = path.file_name().unwrap_or_default().to_string_lossy();
    writeln!(&digest.file, "{}  {name}", hex(&hash)).map_err(fail)?;
    temporary.file.sync_all().map_err(fail)?;
    digest.file.sync_all().map_err(fail)?;

    match fs::remove_file(&sidecar) {
        Ok(()) => sync_folder(path).map_err(fail)?,
        Err(error) if error.kind() == io::ErrorKind::NotFound => {}
        Err(error) => return Err(Error::io("replace", &sidecar, &error)),
    }
    temporary.rename(path).map_err(fail)?;
    digest
        .rename(&sidecar)
        .map_err(|error| Error::io("write", &sidecar, &error))?;
    sync_folder(path).map_err(fail)
}

/// Compares a file with its sidecar: true when they agree, false when there is no sidecar.
///
/// # Errors
/// "corrupt checkpoint" when they differ; failures to read.
pub fn check_digest(path: &Path) -> Result<bool> {
    let sidecar = sidecar_path(path);
    let mut text = String::new();
    match File::open(&sidecar).and_then(|file| file.take(1 << 16).read_to_string(&mut text)) {
        Ok(_) => {}
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(false),
        Err(error) if error.kind() == io::ErrorKind::InvalidData => text.clear(),
        Err(error) => return Err(Error::io("read", &sidecar, &error)),
    }
    let expected = text.split_whitespace().next().unwrap_or("").to_ascii_lowercase();
    if expected.len() != 64 || !expected.bytes().all(|byte| byte.is_ascii_hexdigit()) {
        return Err(Error::new(
            Kind::Data,
            format!("{} holds no SHA-256 digest", sidecar.display()),
            "delete it to read the checkpoint unverified, or use an earlier checkpoint",
        ));
    }
    let mut file = File::open(path).map_err(|error| Error::io("read", path, &error))?;
    let mut hash = Sha256::new();
    let mut buffer = vec![0; 1 << 18];
    loop {
        match file.read(&mut buffer) {
            Ok(0) => break,
            Ok(n) => hash.update(&buffer[..n]),
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(Error::io("read", path, &error)),
        }
    }
    if hex(&hash.finalize()) != expected {
        return Err(Error::new(
            Kind::Data,
            format!(
                "corrupt checkpoint: {} does not match its digest in {}",
                path.display(),
                sidecar.display()
            ),
            "use an earlier checkpoint or copy this one again; if you changed the file on purpose, delete its .sha256",
        ));
    }
    Ok(true)
}

/// `NAME.sha256` beside `NAME`.
pub fn sidecar_path(path: &Path) -> PathBuf {
    let mut name = path.file_name().unwrap_or_default().to_os_string();
    name.push(".sha256");
    path.with_file_name(name)
}

/// A new sibling file, removed unless it was renamed.
struct Temporary {
    file: File,
    path: PathBuf,
    renamed: bool,
}

impl Temporary {
    fn create(target: &Path) -> io::Result<Self> {
        let Some(name) = target.file_name() else {
            return Err(io::Error::new(
                io::ErrorKind::InvalidInput,
                "the path has no file name",
            ));
        };
        loop {
            let count = COUNTER.fetch_add(1, Ordering::Relaxed);
            let mut sibling = OsString::from(".");
            sibling.push(name);
            sibling.push(OsStr::new(&format!(
                ".{}-{count}{TEMPORARY_SUFFIX}",
                std::process::id()
            )));
            let path = target.with_file_name(sibling);
            match OpenOptions::new().write(true).create_new(true).open(&path) {
                Ok(file) => {
                    return Ok(Self {
                        file,
                        path,
                        renamed: false,
                    });
                }
                // Left behind by a killed process of the same id.
                Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {}
                Err(error) => return Err(error),
            }
        }
    }

    fn rename(mut self, target: &Path) -> io::Result<()> {
        fs::rename(&self.path, target)?;
        self.renamed = true;
        Ok(())
    }
}

impl Drop for Temporary {
    fn drop(&mut self) {
        if !self.renamed {
            // Nothing can be done about a failure here, and the first error matters more.
            let _ = fs::remove_file(&self.path);
        }
    }
}

struct Hashing<W> {
    out: W,
    hash: Sha256,
}

impl<W: Write> Write for Hashing<W> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let written = self.out.write(bytes)?;
        self.hash.update(&bytes[..written]);
        Ok(written)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.out.flush()
    }
}

#[cfg(unix)]
fn sync_folder(path: &Path) -> io::Result<()> {
    let folder = path
        .parent()
        .filter(|folder| !folder.as_os_str().is_empty())
        .unwrap_or(Path::new("."));
    match File::open(folder)?.sync_all() {
        // Some network file systems cannot flush folders.
        Err(error) if error.kind() == io::ErrorKind::InvalidInput => Ok(()),
        other => other,
    }
}

#[cfg(not(unix))]
fn sync_folder(_path: &Path) -> io::Result<()> {
    Ok(())
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}
