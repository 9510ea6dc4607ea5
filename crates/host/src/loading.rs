//! Loads libtorch's shared libraries so that the tensor addon, which links them by name, finds them.

use std::ffi::{CStr, CString};

use napi::bindgen_prelude::*;
use napi_derive::napi;

/// Loads a library for the whole process and never unloads it. The symbols become visible to libraries that are
/// loaded later. Throws the loader's own text.
#[napi]
pub fn load_library(path: String) -> Result<()> {
    let c_path = CString::new(path).map_err(|_| Error::from_reason("the path holds a NUL character"))?;
    // SAFETY: a NUL-terminated path; static constructors of libtorch are safe to run here.
    let handle = unsafe {
        libc::dlopen(
            c_path.as_ptr(),
            libc::RTLD_NOW | libc::RTLD_GLOBAL | libc::RTLD_NODELETE,
        )
    };
    if handle.is_null() {
        Err(Error::from_reason(last_error()))
    } else {
        Ok(())
    }
}

/// The path from which a library of this name (`libtorch_cpu.so`) is loaded already, if any.
#[napi]
pub fn loaded_library(name: String) -> Option<String> {
    loaded_paths()
        .into_iter()
        .find(|path| path.rsplit('/').next() == Some(name.as_str()))
}

#[cfg(target_os = "linux")]
fn loaded_paths() -> Vec<String> {
    let mut paths: Vec<String> = std::fs::read_to_string("/proc/self/maps")
        .unwrap_or_default()
        .lines()
        .filter_map(|line| line.find('/').map(|at| line[at..].to_owned()))
        .collect();
    paths.dedup();
    paths
}

#[cfg(not(target_os = "linux"))]
fn loaded_paths() -> Vec<String> {
    Vec::new()
}

fn last_error() -> String {
    // SAFETY: dlerror returns null or a string that is valid until the next dl call of this thread.
    unsafe {
        let text = libc::dlerror();
        if text.is_null() {
            "unknown error".to_owned()
        } else {
            CStr::from_ptr(text).to_string_lossy().into_owned()
        }
    }
}
