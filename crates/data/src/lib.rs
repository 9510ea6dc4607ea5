//! Image data for training: sources, decoders, transforms, samplers and the threaded loader.
//!
//! Plain Rust over aligned buffers; knows nothing of libtorch or Node. The way of a sample:
//! [`source::Source`] gives an [`image::Image`], a [`transform::Plan`] turns it into one or more views, and
//! [`loader::Loader`] writes the views of a batch straight into the [`buffer::Buffer`]s that it hands out.

#![forbid(unsafe_code)]

pub mod batch;
pub mod buffer;
pub mod cache;
pub mod collate;
pub mod dataset;
pub mod decode;
pub mod decoded_files;
pub mod entry;
pub mod error;
pub mod exif;
mod failures;
pub mod image;
pub mod inspect;
pub mod jpeg;
pub mod label;
pub mod loader;
pub mod mt19937;
pub mod npy;
mod npy_object;
pub mod permutation;
pub mod pool;
pub mod rng;
pub mod run;
pub mod sampler;
pub mod script;
mod simd;
pub mod source;
pub mod spec;
pub mod subset;
pub mod times;
pub mod trace;
pub mod transform;

pub use error::{DataError, ErrorKind, Result};
pub use loader::Loader;
