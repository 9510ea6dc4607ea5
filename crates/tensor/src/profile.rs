//! Times of operators. A profile belongs to the process: operators of all its threads are in it.

use crate::error::Result;
use crate::ffi;
use crate::session::{check, owned_text};

/// Starts to record when each operator runs.
pub fn profile_start() -> Result<()> {
    // SAFETY: takes nothing but the error.
    check(|error| unsafe { ffi::vissl_profile_start(error) }).map(drop)
}

/// Ends the recording; a JSON object with `dropped`, `names` and `spans` (name, thread, start and duration in
/// nanoseconds of the monotonic clock, one after another).
pub fn profile_stop() -> Result<String> {
    // SAFETY: returns a malloc'ed string or null.
    owned_text(|error| unsafe { ffi::vissl_profile_stop(error) })
}
