use std::ffi::{CStr, c_char};

/// What kind of error libtorch reported; mirrors `ErrorKind` in `shim/guard.h`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ErrorKind {
    Runtime,
    Index,
    Value,
    Type,
    NotImplemented,
    OutOfMemory,
    Linalg,
    Freed,
}

impl ErrorKind {
    fn from_code(code: i32) -> Self {
        match code {
            1 => Self::Index,
            2 => Self::Value,
            3 => Self::Type,
            4 => Self::NotImplemented,
            5 => Self::OutOfMemory,
            6 => Self::Linalg,
            7 => Self::Freed,
            _ => Self::Runtime,
        }
    }

    /// The name under which JavaScript knows the kind.
    pub fn name(self) -> &'static str {
        match self {
            Self::Runtime => "runtime",
            Self::Index => "index",
            Self::Value => "value",
            Self::Type => "type",
            Self::NotImplemented => "not implemented",
            Self::OutOfMemory => "out of memory",
            Self::Linalg => "linalg",
            Self::Freed => "freed",
        }
    }
}

#[derive(Clone, Debug)]
pub struct Error {
    pub kind: ErrorKind,
    pub message: String,
}

impl Error {
    pub fn new(kind: ErrorKind, message: impl Into<String>) -> Self {
        Self {
            kind,
            message: message.into(),
        }
    }

    pub(crate) fn freed() -> Self {
        Self::new(ErrorKind::Freed, "a tensor that was already freed is used again")
    }
}

impl std::fmt::Display for Error {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.message)
    }
}

impl std::error::Error for Error {}

impl From<tch::TchError> for Error {
    fn from(error: tch::TchError) -> Self {
        let text = error.to_string();
        Self::new(
            ErrorKind::Runtime,
            text.split("\nException raised from").next().unwrap_or(&text),
        )
    }
}

pub type Result<T> = std::result::Result<T, Error>;

/// The record that a shim fills in.
#[repr(C)]
pub struct RawError {
    kind: i32,
    message: *mut c_char,
}

impl RawError {
    /// To be passed to the shim.
    #[must_use]
    pub fn none() -> Self {
        Self {
            kind: 0,
            message: std::ptr::null_mut(),
        }
    }

    pub(crate) fn is_set(&self) -> bool {
        !self.message.is_null()
    }

    /// What the shim reported.
    #[must_use]
    pub fn take(self) -> Error {
        if self.message.is_null() {
            return Error::new(ErrorKind::Runtime, "libtorch failed without a message");
        }
        // SAFETY: the shim sets `message` to a string of its own `strdup`, which is ours to free, once.
        let message = unsafe {
            let text = CStr::from_ptr(self.message).to_string_lossy().into_owned();
            libc::free(self.message.cast());
            text
        };
        Error::new(ErrorKind::from_code(self.kind), message)
    }
}
