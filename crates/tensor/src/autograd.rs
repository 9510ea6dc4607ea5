//! Gradients: what is recorded, the backward pass, and where it leaves its results.

use tch::Tensor;

use crate::error::{RawError, Result};
use crate::ffi;
use crate::session::{Session, check};

impl Session {
    pub fn set_requires_grad(&mut self, handle: f64, on: bool) -> Result<()> {
        let raw = self.table.raw(handle)?;
        // SAFETY: `raw` is live.
        check(|error| unsafe { ffi::vissl_set_requires_grad(raw, i32::from(on), error) }).map(drop)
    }

    /// A handle of the gradient, if there is one.
    pub fn grad(&mut self, handle: f64) -> Result<Option<f64>> {
        let raw = self.table.raw(handle)?;
        let mut error = RawError::none();
        // SAFETY: `raw` is live; the result is a new reference that the table takes over.
        let grad = unsafe { ffi::vissl_grad(raw, &mut error) };
        if error.is_set() {
            return Err(error.take());
        }
        Ok((!grad.is_null()).then(|| self.table.insert_raw(grad)))
    }

    /// Of each parameter a handle of its gradient in the parameter's layout, 0 when there is none, and that layout:
    /// 0 contiguous, 2 channels last, -1 neither.
    pub fn gradients(&mut self, parameters: &[f64]) -> Result<Vec<(f64, i32)>> {
        let raw = parameters
            .iter()
            .map(|&handle| self.table.raw(handle))
            .collect::<Result<Vec<_>>>()?;
        let mut gradients = vec![std::ptr::null_mut(); raw.len()];
        let mut layouts = vec![0; raw.len()];
        // SAFETY: all parameters are live, and both outputs have room for one value each.
        check(|error| unsafe {
            ffi::vissl_gradients(
                raw.as_ptr(),
                raw.len(),
                gradients.as_mut_ptr(),
                layouts.as_mut_ptr(),
                error,
            )
        })?;
        let handles = gradients.into_iter().map(|gradient| {
            if gradient.is_null() {
                0.0
            } else {
                self.table.insert_raw(gradient)
            }
        });
        Ok(handles.zip(layouts).collect())
    }

    pub fn set_grad(&mut self, handle: f64, gradient: Option<f64>) -> Result<()> {
        let raw = self.table.raw(handle)?;
        let gradient = self.optional(gradient)?;
        // SAFETY: both tensors are live.
        check(|error| unsafe { ffi::vissl_set_grad(raw, gradient, error) }).map(drop)
    }

    pub fn backward(&mut self, handle: f64, gradient: Option<f64>, retain: bool, create: bool) -> Result<()> {
        let raw = self.table.raw(handle)?;
        let gradient = self.optional(gradient)?;
        // SAFETY: both tensors are live for the call.
        check(|error| unsafe {
            ffi::vissl_backward(raw, gradient, i32::from(retain), i32::from(create), error)
        })
        .map(drop)
    }

    /// Gradients of the sum of `outputs` with respect to `inputs`, without touching their `.grad`.
    pub fn grad_of(
        &mut self,
        outputs: &[f64],
        inputs: &[f64],
        retain: bool,
        create: bool,
    ) -> Result<Vec<f64>> {
        let outputs = outputs
            .iter()
            .map(|&handle| self.table.share(handle))
            .collect::<Result<Vec<_>>>()?;
        let inputs = inputs
            .iter()
            .map(|&handle| self.table.share(handle))
            .collect::<Result<Vec<_>>>()?;
        let gradients = Tensor::f_run_backward(&outputs, &inputs, retain, create)?;
        Ok(gradients
            .into_iter()
            .map(|gradient| self.table.insert(gradient))
            .collect())
    }

    /// Switches gradient recording (`None`: only asks). Returns what it was.
    pub fn grad_mode(&self, on: Option<bool>) -> bool {
        // SAFETY: sets a thread-local flag.
        unsafe { ffi::vissl_grad_mode(on.map_or(-1, i32::from)) != 0 }
    }
}
