use std::fmt;

/// Who has to act: the author of the configuration, or the owner of the data.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ErrorKind {
    Usage,
    Data,
    Internal,
}

impl ErrorKind {
    pub fn name(self) -> &'static str {
        match self {
            ErrorKind::Usage => "usage",
            ErrorKind::Data => "data",
            ErrorKind::Internal => "internal",
        }
    }
}

/// What went wrong and where (`message`), and what to do about it (`fix`).
#[derive(Debug, Clone)]
pub struct DataError {
    pub kind: ErrorKind,
    pub message: String,
    pub fix: Option<String>,
}

pub type Result<T> = std::result::Result<T, DataError>;

impl DataError {
    pub fn usage(message: impl Into<String>) -> Self {
        DataError {
            kind: ErrorKind::Usage,
            message: message.into(),
            fix: None,
        }
    }

    pub fn data(message: impl Into<String>) -> Self {
        DataError {
            kind: ErrorKind::Data,
            message: message.into(),
            fix: None,
        }
    }

    pub fn internal(message: impl Into<String>) -> Self {
        DataError {
            kind: ErrorKind::Internal,
            message: message.into(),
            fix: None,
        }
    }

    pub fn fix(mut self, fix: impl Into<String>) -> Self {
        self.fix = Some(fix.into());
        self
    }

    /// The form in which an error crosses into JavaScript.
    pub fn to_json(&self) -> String {
        serde_json::json!({ "kind": self.kind.name(), "message": self.message, "fix": self.fix }).to_string()
    }
}

impl fmt::Display for DataError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)?;
        match &self.fix {
            Some(fix) => write!(f, " ({fix})"),
            None => Ok(()),
        }
    }
}

impl std::error::Error for DataError {}
