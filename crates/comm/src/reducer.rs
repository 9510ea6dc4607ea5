use torch_sys::C_tensor;
use vissl_tensor::{RawError, Result, Session};

use crate::ffi;
use crate::group::Group;

/// Averages the gradients of a list of parameters over a group, in buckets, while the backward pass still runs.
/// All processes list the same parameters in the same order, and every parameter takes part in each backward pass.
pub struct Reducer(*mut ffi::Reducer);

// SAFETY: used by the thread that runs backward.
unsafe impl Send for Reducer {}

impl Reducer {
    /// `bucket` and `first_bucket` are sizes in bytes.
    pub fn new(
        group: &Group,
        session: &Session,
        parameters: &[f64],
        first_bucket: usize,
        bucket: usize,
    ) -> Result<Self> {
        let tensors = parameters
            .iter()
            .map(|&handle| session.raw(handle).map(<*mut C_tensor>::cast_const))
            .collect::<Result<Vec<_>>>()?;
        let mut error = RawError::none();
        // SAFETY: the pointers are live tensors; the reducer takes references of its own.
        let reducer = unsafe {
            ffi::vissl_reducer(
                group.as_ptr(),
                tensors.as_ptr(),
                tensors.len(),
                first_bucket as i64,
                bucket as i64,
                &mut error,
            )
        };
        if reducer.is_null() {
            return Err(error.take());
        }
        Ok(Self(reducer))
    }

    /// To be called before each backward pass whose gradients are to be averaged.
    pub fn prepare(&mut self) -> Result<()> {
        let mut error = RawError::none();
        // SAFETY: owned.
        let status = unsafe { ffi::vissl_reducer_prepare(self.0, &mut error) };
        if status < 0 { Err(error.take()) } else { Ok(()) }
    }
}

impl Drop for Reducer {
    fn drop(&mut self) {
        // SAFETY: owned, freed once.
        unsafe { ffi::vissl_reducer_free(self.0) };
    }
}
