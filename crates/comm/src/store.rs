use std::ffi::{CString, c_void};
use std::time::Duration;

use vissl_tensor::{Error, ErrorKind, RawError, Result};

use crate::ffi;

/// Where processes find each other.
pub enum Place<'a> {
    /// One process serves keys at `host:port`, the others connect to it.
    Tcp {
        host: &'a str,
        port: u16,
        is_server: bool,
    },
    /// A file that all processes can lock and write; it must not be left from an earlier run.
    File { path: &'a str },
}

/// Keys and values that all processes of a run see.
pub struct Store(*mut ffi::Store);

// SAFETY: c10d's stores lock internally and belong to no thread.
unsafe impl Send for Store {}

impl Store {
    /// Waits up to `timeout` for `size` processes.
    pub fn open(place: Place, size: usize, timeout: Duration) -> Result<Self> {
        let mut error = RawError::none();
        let (size, timeout) = (size as i64, milliseconds(timeout));
        let store = match place {
            Place::Tcp {
                host,
                port,
                is_server,
            } => {
                let host = c_string(host)?;
                // SAFETY: the string lives for the call.
                unsafe {
                    ffi::vissl_store_tcp(
                        host.as_ptr(),
                        port,
                        i32::from(is_server),
                        size,
                        timeout,
                        &mut error,
                    )
                }
            }
            Place::File { path } => {
                let path = c_string(path)?;
                // SAFETY: as above.
                unsafe { ffi::vissl_store_file(path.as_ptr(), size, timeout, &mut error) }
            }
        };
        if store.is_null() {
            return Err(error.take());
        }
        Ok(Self(store))
    }

    pub fn set(&self, key: &str, value: &[u8]) -> Result<()> {
        let key = c_string(key)?;
        let mut error = RawError::none();
        // SAFETY: pointers come with their lengths and live for the call.
        let status =
            unsafe { ffi::vissl_store_set(self.0, key.as_ptr(), value.as_ptr(), value.len(), &mut error) };
        if status < 0 { Err(error.take()) } else { Ok(()) }
    }

    /// Waits until some process has set the key.
    pub fn get(&self, key: &str) -> Result<Vec<u8>> {
        let key = c_string(key)?;
        let (mut error, mut length) = (RawError::none(), 0usize);
        // SAFETY: as in `set`; the bytes are malloc'ed, `length` of them, and ours to free.
        unsafe {
            let bytes = ffi::vissl_store_get(self.0, key.as_ptr(), &mut length, &mut error);
            if bytes.is_null() {
                return Err(error.take());
            }
            let value = std::slice::from_raw_parts(bytes, length).to_vec();
            libc::free(bytes.cast::<c_void>());
            Ok(value)
        }
    }

    pub(crate) fn as_ptr(&self) -> *const ffi::Store {
        self.0
    }
}

impl Drop for Store {
    fn drop(&mut self) {
        // SAFETY: owned, freed once; groups hold references of their own.
        unsafe { ffi::vissl_store_free(self.0) };
    }
}

pub(crate) fn milliseconds(time: Duration) -> i64 {
    i64::try_from(time.as_millis()).unwrap_or(i64::MAX)
}

pub(crate) fn c_string(text: &str) -> Result<CString> {
    CString::new(text).map_err(|_| Error::new(ErrorKind::Value, format!("{text:?} holds a zero byte")))
}
