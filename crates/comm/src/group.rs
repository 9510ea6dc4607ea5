use std::time::Duration;

use torch_sys::C_tensor;
use vissl_tensor::{RawError, Result, Session};

use crate::ffi;
use crate::store::{Store, c_string, milliseconds};

/// How the values of all processes become one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Reduction {
    Sum = 0,
    Mean = 1,
    Max = 2,
    Min = 3,
}

/// A Gloo process group.
pub struct Group(*mut ffi::Group);

// SAFETY: c10d's groups belong to no thread; calls are serialised by the caller's `&self` on one thread.
unsafe impl Send for Group {}

impl Group {
    /// Joins a group of `size` processes; `name` is the same in all of them and no other group's.
    ///
    /// `address`: this machine's host name or address; empty for the default one.
    pub fn join(
        store: &Store,
        name: &str,
        rank: usize,
        size: usize,
        address: &str,
        timeout: Duration,
    ) -> Result<Self> {
        let (name, address) = (c_string(name)?, c_string(address)?);
        let mut error = RawError::none();
        // SAFETY: strings live for the call; the group keeps a reference to the store.
        let group = unsafe {
            ffi::vissl_group(
                store.as_ptr(),
                name.as_ptr(),
                rank as i32,
                size as i32,
                address.as_ptr(),
                milliseconds(timeout),
                &mut error,
            )
        };
        if group.is_null() {
            return Err(error.take());
        }
        Ok(Self(group))
    }

    /// A new tensor: those of all processes along the first dimension, by rank. Gradients flow back.
    pub fn gather(&self, session: &mut Session, handle: f64) -> Result<f64> {
        let tensor = session.raw(handle)?;
        let mut error = RawError::none();
        // SAFETY: the table keeps the tensor alive during the call.
        let gathered = unsafe { ffi::vissl_gather(self.0, tensor, &mut error) };
        if gathered.is_null() {
            return Err(error.take());
        }
        Ok(session.adopt_raw(gathered))
    }

    /// Reduces in place in every process; no gradients.
    pub fn all_reduce(&self, session: &Session, handle: f64, reduction: Reduction) -> Result<()> {
        self.in_place(session, handle, |group, tensor, error| {
            // SAFETY: see `in_place`.
            unsafe { ffi::vissl_all_reduce(group, tensor, reduction as i32, error) }
        })
    }

    /// Overwrites the tensor with that of process `root`.
    pub fn broadcast(&self, session: &Session, handle: f64, root: usize) -> Result<()> {
        self.in_place(session, handle, |group, tensor, error| {
            // SAFETY: see `in_place`.
            unsafe { ffi::vissl_broadcast(group, tensor, root as i32, error) }
        })
    }

    /// Returns when all processes are here.
    pub fn barrier(&self) -> Result<()> {
        let mut error = RawError::none();
        // SAFETY: the group is alive.
        let status = unsafe { ffi::vissl_barrier(self.0, &mut error) };
        if status < 0 { Err(error.take()) } else { Ok(()) }
    }

    /// Calls `body` with pointers that stay valid during the call.
    fn in_place(
        &self,
        session: &Session,
        handle: f64,
        body: impl FnOnce(*const ffi::Group, *mut C_tensor, *mut RawError) -> i32,
    ) -> Result<()> {
        let tensor = session.raw(handle)?;
        let mut error = RawError::none();
        if body(self.0, tensor, &mut error) < 0 {
            return Err(error.take());
        }
        Ok(())
    }

    pub(crate) fn as_ptr(&self) -> *const ffi::Group {
        self.0
    }
}

impl Drop for Group {
    fn drop(&mut self) {
        // SAFETY: owned, freed once; reducers and graphs hold references of their own.
        unsafe { ffi::vissl_group_free(self.0) };
    }
}
