//! libtorch behind integer handles.
//!
//! A [`Session`] owns a table of tensors and runs any ATen operator on them through the c10 dispatcher. It is
//! single-threaded by design: one session belongs to one JavaScript environment.

mod autograd;
mod error;
mod ffi;
mod profile;
mod session;
mod table;

pub use error::{Error, ErrorKind, RawError, Result};
pub use profile::{profile_start, profile_stop};
pub use session::{Blob, Session, StorageStats, libtorch_version, schemas};
