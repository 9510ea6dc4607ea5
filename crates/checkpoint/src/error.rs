use std::{fmt, io, path::Path};

/// Who has to act: the owner of the file, of the machine, or the caller.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// The file is missing, damaged, hostile or of an unknown format.
    Data,
    /// The machine refuses: disk full, no permission, no such folder.
    Environment,
    /// The caller gave something that cannot be stored.
    Usage,
}

impl Kind {
    pub fn name(self) -> &'static str {
        match self {
            Kind::Data => "data",
            Kind::Environment => "environment",
            Kind::Usage => "usage",
        }
    }
}

/// What happened and where, and what to do about it.
#[derive(Clone, Debug)]
pub struct Error {
    pub kind: Kind,
    pub message: String,
    pub fix: String,
}

pub type Result<T, E = Error> = std::result::Result<T, E>;

pub const FIX_CORRUPT: &str = "the file is damaged or was not written by torch.save: copy or download it again, \
                               or use an earlier checkpoint";

impl Error {
    pub fn new(kind: Kind, message: impl Into<String>, fix: impl Into<String>) -> Self {
        Self {
            kind,
            message: message.into(),
            fix: fix.into(),
        }
    }

    /// A damaged or hostile file.
    pub fn corrupt(message: impl Into<String>) -> Self {
        Self::new(Kind::Data, message, FIX_CORRUPT)
    }

    pub fn usage(message: impl Into<String>, fix: impl Into<String>) -> Self {
        Self::new(Kind::Usage, message, fix)
    }

    /// A source that stopped giving bytes: cut short, or a failing disk.
    pub fn unreadable(error: io::Error) -> Self {
        if error.kind() == io::ErrorKind::UnexpectedEof {
            return Self::corrupt("it is cut short");
        }
        Self::new(
            Kind::Environment,
            format!("reading failed: {error}"),
            "check the disk and the path",
        )
    }

    /// `{"kind", "message", "fix"}`, for callers in another language.
    pub fn to_json(&self) -> String {
        serde_json::json!({ "kind": self.kind.name(), "message": self.message, "fix": self.fix }).to_string()
    }

    /// Puts the file's name in front of the message.
    pub fn in_file(mut self, path: &Path) -> Self {
        self.message = format!("{}: {}", path.display(), self.message);
        self
    }

    /// A failed system call: names the path, the system's reason and a fix.
    pub fn io(action: &str, path: &Path, error: &io::Error) -> Self {
        use io::ErrorKind as E;
        let (kind, fix) = match error.kind() {
            E::NotFound if action == "read" => (Kind::Data, "check the path"),
            E::NotFound => (Kind::Environment, "create the folder first, or choose another"),
            E::PermissionDenied => (
                Kind::Environment,
                "change the permissions of the file or folder, or choose another",
            ),
            E::StorageFull | E::QuotaExceeded => (
                Kind::Environment,
                "free some space (old checkpoints?) or choose a folder on another disk",
            ),
            E::FileTooLarge => (
                Kind::Environment,
                "raise the file size limit (ulimit -f) or choose a file system without it",
            ),
            E::ReadOnlyFilesystem => (Kind::Environment, "choose a folder on a writable file system"),
            E::IsADirectory => (Kind::Usage, "give the path of a file, not of a folder"),
            E::NotADirectory => (Kind::Usage, "a part of the path is a file: choose another path"),
            E::UnexpectedEof => (Kind::Data, FIX_CORRUPT),
            _ => (Kind::Environment, "check the disk and the path"),
        };
        Self::new(kind, format!("cannot {action} {}: {error}", path.display()), fix)
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} ({})", self.message, self.fix)
    }
}

impl std::error::Error for Error {}
