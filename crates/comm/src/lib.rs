//! Processes that train together: torch.distributed's stores, Gloo groups, collectives and gradient reducer.
//!
//! Every call blocks until the other processes of the group have made the same call, or until the group's timeout.

mod ffi;
mod group;
mod reducer;
mod store;

pub use group::{Group, Reduction};
pub use reducer::Reducer;
pub use store::{Place, Store};
