//! Pickle without its machine: a closed set of opcodes builds a [`crate::tree::Tree`], and nothing that the
//! file names is looked up, imported or called.

mod construct;
mod decode;
mod encode;
mod opcode;

pub use decode::{Limits, decode, decode_prefix};
pub use encode::encode;

/// Containers inside containers, in both directions.
pub const MAX_DEPTH: usize = 512;
