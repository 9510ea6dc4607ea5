//! Checkpoint files: the files of `torch.save` are read without executing anything and written atomically. Plain Rust over byte buffers; knows neither libtorch nor Node.
//!
//! - [`torch_file`]: a whole file to and from a [`tree::Tree`]
//! - [`pickle`]: the closed set of opcodes and constructors
//! - [`zip`]: stored entries only, 64-byte aligned, zip64
//! - [`atomic`]: sibling, fsync, rename, folder fsync, digest sidecar
//! - [`numpy`]: arrays of `.npy` files and pickles
//! - [`json`]: the form in which a tree crosses to other languages

pub mod atomic;
pub mod dtype;
pub mod error;
pub mod json;
mod legacy;
pub mod numpy;
pub mod pickle;
mod safetensors;
pub mod torch_file;
pub mod tree;
pub mod zip;

pub use error::{Error, Kind, Result};
