use std::collections::BTreeMap;
use std::sync::Mutex;

use crate::error::{DataError, Result};
use crate::loader::lock;

/// Names of failed images that an error lists.
const LISTED: usize = 10;

/// A sample whose image could not be decoded.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Failure {
    pub sample: usize,
    pub name: String,
    pub reason: String,
}

/// The samples that could not be decoded so far, each once.
pub(crate) struct Failures {
    found: Mutex<BTreeMap<(usize, usize), Failure>>,
}

impl Failures {
    pub fn new() -> Self {
        Failures {
            found: Mutex::default(),
        }
    }

    pub fn all(&self) -> Vec<Failure> {
        lock(&self.found).values().cloned().collect()
    }

    pub fn count(&self) -> usize {
        lock(&self.found).len()
    }

    /// Notes a failure of source `source`.
    ///
    /// # Errors
    /// More than the part `tolerated` of `len` images have failed; the message lists them.
    pub fn note(&self, source: usize, failure: Failure, len: usize, tolerated: f64) -> Result<()> {
        let mut found = lock(&self.found);
        found.insert((source, failure.sample), failure);
        let count = found.len();
        if count as f64 <= tolerated * len as f64 {
            return Ok(());
        }
        let listed: Vec<String> = found
            .values()
            .take(LISTED)
            .map(|failure| format!("  {}: {}", failure.name, failure.reason))
            .collect();
        let more = if count > LISTED {
            format!("\n  and {} more", count - LISTED)
        } else {
            String::new()
        };
        let share = tolerated * 100.0;
        Err(DataError::data(format!(
            "{count} of {len} images could not be decoded, more than the tolerated {share}%:\n{}{more}",
            listed.join("\n")
        ))
        .fix("repair or remove these files"))
    }
}
