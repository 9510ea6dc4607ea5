use std::collections::HashMap;
use std::ffi::{CStr, CString, c_char, c_void};

use tch::{Device, Kind, Tensor};
use torch_sys::C_tensor;

use crate::error::{Error, ErrorKind, RawError, Result};
use crate::ffi;
use crate::table::Table;

const TAG_TENSOR: f64 = 1.0;
const TAG_TENSOR_LIST: f64 = 6.0;

/// Live tensors and the bytes of their storages, each counted once.
pub struct StorageStats {
    pub tensors: usize,
    pub bytes: u64,
}

/// Memory made elsewhere that becomes a tensor without a copy.
pub struct Blob<'a> {
    pub data: *mut c_void,
    pub shape: &'a [i64],
    /// The elements of a 4-D tensor lie in NHWC order.
    pub channels_last: bool,
    pub dtype: i32,
    /// Called once with `context` when the last view of the memory is gone.
    pub release: ffi::Release,
    pub context: *mut c_void,
}

/// The tensors, operators, strings and generators of one JavaScript environment.
#[derive(Default)]
pub struct Session {
    pub(crate) table: Table,
    operators: Vec<*mut ffi::Operator>,
    names: HashMap<(String, String), u32>,
    strings: Vec<CString>,
    string_pointers: Vec<*const c_char>,
    generators: Vec<*mut ffi::Generator>,
}

impl Session {
    /// Index of an operator for [`Session::call`].
    pub fn operator(&mut self, name: &str, overload: &str) -> Result<u32> {
        let key = (name.to_owned(), overload.to_owned());
        if let Some(&index) = self.names.get(&key) {
            return Ok(index);
        }
        let (c_name, c_overload) = (c_string(name)?, c_string(overload)?);
        let mut error = RawError::none();
        // SAFETY: both strings are NUL-terminated and live for the call.
        let operator = unsafe { ffi::vissl_operator(c_name.as_ptr(), c_overload.as_ptr(), &mut error) };
        if operator.is_null() {
            return Err(error.take());
        }
        self.operators.push(operator);
        let index = (self.operators.len() - 1) as u32;
        self.names.insert(key, index);
        Ok(index)
    }

    /// Index of a string for argument lists.
    pub fn intern(&mut self, text: &str) -> Result<u32> {
        let owned = c_string(text)?;
        self.string_pointers.push(owned.as_ptr());
        self.strings.push(owned);
        Ok((self.strings.len() - 1) as u32)
    }

    /// Index of a new CPU generator for argument lists.
    pub fn generator(&mut self, seed: u64) -> u32 {
        // SAFETY: makes an object that `Drop` frees.
        self.generators.push(unsafe { ffi::vissl_generator(seed) });
        (self.generators.len() - 1) as u32
    }

    /// Runs an operator. `arguments` and `out` are in the encoding of `shim/dispatch.cpp`; new tensors in `out`
    /// are replaced by their handles. Returns how much of `out` is filled.
    pub fn call(&mut self, operator: u32, arguments: &[f64], out: &mut [f64]) -> Result<usize> {
        let Some(&operator) = self.operators.get(operator as usize) else {
            return Err(Error::new(ErrorKind::Value, "no such operator index"));
        };
        let slots = self.table.slots();
        let context = ffi::Context {
            slots: slots.as_ptr(),
            slot_count: slots.len(),
            strings: self.string_pointers.as_ptr(),
            string_count: self.string_pointers.len(),
            generators: self.generators.as_ptr(),
            generator_count: self.generators.len(),
        };
        let mut error = RawError::none();
        // SAFETY: every pointer comes with its length, and the shim reads and writes within them.
        let written = unsafe {
            ffi::vissl_call(
                operator,
                &context,
                arguments.as_ptr(),
                arguments.len(),
                out.as_mut_ptr(),
                out.len(),
                &mut error,
            )
        };
        if written < 0 {
            return Err(error.take());
        }
        let written = written as usize;
        self.adopt(&mut out[..written]);
        Ok(written)
    }

    /// Replaces the owned pointers in a result by handles (0 for an undefined tensor in a list: -1).
    fn adopt(&mut self, result: &mut [f64]) {
        let mut at = 0;
        while at < result.len() {
            let tag = result[at];
            if tag == TAG_TENSOR {
                result[at + 1] = self.table.insert_raw(pointer(result[at + 1]));
                at += 2;
            } else if tag == TAG_TENSOR_LIST {
                let count = result[at + 1] as usize;
                for value in &mut result[at + 2..at + 2 + count] {
                    let raw = pointer(*value);
                    *value = if raw.is_null() {
                        -1.0
                    } else {
                        self.table.insert_raw(raw)
                    };
                }
                at += 2 + count;
            } else if tag == 0.0 {
                at += 1;
            } else if tag == 5.0 {
                at += 2 + result[at + 1] as usize;
            } else {
                at += 2;
            }
        }
    }

    /// The tensor behind a handle; it lives until the handle is freed.
    pub fn raw(&self, handle: f64) -> Result<*mut C_tensor> {
        self.table.raw(handle)
    }

    /// A handle of a tensor that the caller gives away.
    pub fn adopt_raw(&mut self, tensor: *mut C_tensor) -> f64 {
        self.table.insert_raw(tensor)
    }

    /// Frees one tensor; false when it was freed before.
    pub fn free(&mut self, handle: f64) -> bool {
        self.table.free(handle)
    }

    /// Dtype, device type and index, requires grad, is leaf, bytes, then the sizes.
    pub fn describe(&self, handle: f64, out: &mut [f64]) -> Result<usize> {
        let raw = self.table.raw(handle)?;
        let mut error = RawError::none();
        // SAFETY: `raw` is live; the shim writes at most `out.len()` values.
        let written = unsafe { ffi::vissl_describe(raw, out.as_mut_ptr(), out.len(), &mut error) };
        if written < 0 {
            Err(error.take())
        } else {
            Ok(written as usize)
        }
    }

    pub fn is_contiguous(&self, handle: f64, memory_format: i32) -> Result<bool> {
        if !(0..=3).contains(&memory_format) {
            return Err(Error::new(ErrorKind::Value, "no such memory format"));
        }
        let raw = self.table.raw(handle)?;
        // SAFETY: `raw` is live and the memory format is one of c10's.
        check(|error| unsafe { ffi::vissl_is_contiguous(raw, memory_format, error) }).map(|v| v != 0)
    }

    /// A tensor with a copy of `bytes`, row-major.
    pub fn from_bytes(&mut self, bytes: &[u8], shape: &[i64], dtype: i32) -> Result<f64> {
        let kind = kind(dtype)?;
        let elements: Option<i64> = shape
            .iter()
            .try_fold(1i64, |product, &size| product.checked_mul(size));
        let expected = elements.and_then(|n| n.checked_mul(kind.elt_size_in_bytes() as i64));
        if shape.iter().any(|&size| size < 0) || expected != Some(bytes.len() as i64) {
            return Err(Error::new(
                ErrorKind::Value,
                format!(
                    "{} bytes cannot fill a tensor of shape {shape:?} and {kind:?}",
                    bytes.len()
                ),
            ));
        }
        let tensor = Tensor::f_empty(shape, (kind, Device::Cpu))?;
        // SAFETY: a fresh contiguous CPU tensor of exactly `bytes.len()` bytes.
        unsafe { std::ptr::copy_nonoverlapping(bytes.as_ptr(), tensor.data_ptr().cast::<u8>(), bytes.len()) };
        Ok(self.table.insert(tensor))
    }

    /// Copies the elements, row-major, to `out`, whose length must be the tensor's size in bytes.
    pub fn copy_bytes(&self, handle: f64, out: &mut [u8]) -> Result<()> {
        self.table.with(handle, |tensor| {
            let plain = tensor.f_detach()?.f_to_device(Device::Cpu)?.f_contiguous()?;
            let bytes = plain.numel() * plain.kind().elt_size_in_bytes();
            if bytes != out.len() {
                return Err(Error::new(
                    ErrorKind::Value,
                    format!("the tensor has {bytes} bytes, not {}", out.len()),
                ));
            }
            // SAFETY: `plain` is contiguous CPU memory of `bytes` bytes.
            unsafe { std::ptr::copy_nonoverlapping(plain.data_ptr().cast::<u8>(), out.as_mut_ptr(), bytes) };
            Ok(())
        })?
    }

    /// Wraps memory that another owner hands over.
    ///
    /// # Safety
    /// `blob.data` must hold the whole tensor and stay valid until `blob.release` is called, on any thread.
    pub unsafe fn from_blob(&mut self, blob: Blob<'_>) -> Result<f64> {
        kind(blob.dtype)?;
        if blob.channels_last && blob.shape.len() != 4 {
            return Err(Error::new(
                ErrorKind::Value,
                "channels-last memory needs four dimensions",
            ));
        }
        let mut error = RawError::none();
        // SAFETY: the caller's promise; sizes come with their length.
        let tensor = unsafe {
            ffi::vissl_from_blob(
                blob.data,
                blob.shape.as_ptr(),
                blob.shape.len(),
                i32::from(blob.channels_last),
                blob.dtype,
                blob.release,
                blob.context,
                &mut error,
            )
        };
        if tensor.is_null() {
            Err(error.take())
        } else {
            Ok(self.table.insert_raw(tensor))
        }
    }

    pub fn stats(&self) -> StorageStats {
        let mut storages = HashMap::new();
        for raw in self.table.tensors() {
            let (mut identity, mut bytes) = (0, 0);
            let mut error = RawError::none();
            // SAFETY: `raw` is live; the shim writes two integers.
            let code = unsafe { ffi::vissl_storage(raw, &mut identity, &mut bytes, &mut error) };
            if code < 0 {
                let _ = error.take();
            } else if identity != 0 {
                storages.insert(identity, bytes);
            }
        }
        StorageStats {
            tensors: self.table.live(),
            bytes: storages.values().sum(),
        }
    }

    pub fn manual_seed(&self, seed: i64) {
        tch::manual_seed(seed);
    }

    pub fn rng_state(&mut self, device_type: i32, device_index: i32) -> Result<f64> {
        let mut error = RawError::none();
        // SAFETY: returns a new tensor, which the table takes over.
        let state = unsafe { ffi::vissl_rng_state(device_type, device_index, &mut error) };
        if state.is_null() {
            Err(error.take())
        } else {
            Ok(self.table.insert_raw(state))
        }
    }

    pub fn set_rng_state(&mut self, device_type: i32, device_index: i32, state: f64) -> Result<()> {
        let raw = self.table.raw(state)?;
        // SAFETY: `raw` is live.
        check(|error| unsafe { ffi::vissl_set_rng_state(device_type, device_index, raw, error) }).map(drop)
    }

    /// Enters (`Some(dtype)`) or leaves (`None`) an autocast region of a device type.
    pub fn autocast(&self, device_type: i32, dtype: Option<i32>) -> Result<bool> {
        if let Some(dtype) = dtype {
            kind(dtype)?;
        }
        // SAFETY: sets thread-local state.
        check(|error| unsafe { ffi::vissl_autocast(device_type, dtype.unwrap_or(-1), error) }).map(|v| v != 0)
    }

    pub fn threads(&self, count: Option<i32>) -> i32 {
        if let Some(count) = count {
            tch::set_num_threads(count);
        }
        tch::get_num_threads()
    }

    pub fn cuda_devices(&self) -> i64 {
        tch::Cuda::device_count()
    }

    pub(crate) fn optional(&self, handle: Option<f64>) -> Result<*const C_tensor> {
        handle.map_or(Ok(std::ptr::null()), |handle| {
            self.table.raw(handle).map(<*mut C_tensor>::cast_const)
        })
    }
}

impl Drop for Session {
    fn drop(&mut self) {
        for &operator in &self.operators {
            // SAFETY: made by `vissl_operator`, freed once.
            unsafe { ffi::vissl_operator_free(operator) };
        }
        for &generator in &self.generators {
            // SAFETY: made by `vissl_generator`, freed once.
            unsafe { ffi::vissl_generator_free(generator) };
        }
    }
}

/// One JSON object a line for every ATen operator of this libtorch.
pub fn schemas() -> Result<String> {
    // SAFETY: returns a malloc'ed string or null.
    owned_text(|error| unsafe { ffi::vissl_schemas(error) })
}

/// A string that the shim allocated and gives away.
pub(crate) fn owned_text(call: impl FnOnce(*mut RawError) -> *mut c_char) -> Result<String> {
    let mut error = RawError::none();
    let text = call(&mut error);
    if text.is_null() {
        return Err(error.take());
    }
    // SAFETY: NUL-terminated and ours to free.
    unsafe {
        let owned = CStr::from_ptr(text).to_string_lossy().into_owned();
        libc::free(text.cast());
        Ok(owned)
    }
}

/// The version of libtorch's headers that this was built with.
pub fn libtorch_version() -> String {
    // SAFETY: a string literal.
    unsafe { CStr::from_ptr(ffi::vissl_libtorch_version()) }
        .to_string_lossy()
        .into_owned()
}

fn pointer(bits: f64) -> *mut C_tensor {
    bits.to_bits() as usize as *mut C_tensor
}

fn c_string(text: &str) -> Result<CString> {
    CString::new(text).map_err(|_| Error::new(ErrorKind::Value, "the string holds a NUL character"))
}

fn kind(dtype: i32) -> Result<Kind> {
    Ok(match dtype {
        0 => Kind::Uint8,
        1 => Kind::Int8,
        2 => Kind::Int16,
        3 => Kind::Int,
        4 => Kind::Int64,
        5 => Kind::Half,
        6 => Kind::Float,
        7 => Kind::Double,
        8 => Kind::ComplexHalf,
        9 => Kind::ComplexFloat,
        10 => Kind::ComplexDouble,
        11 => Kind::Bool,
        15 => Kind::BFloat16,
        _ => {
            return Err(Error::new(
                ErrorKind::Type,
                format!("dtype number {dtype} has no counterpart here"),
            ));
        }
    })
}

/// Runs a function of the shim that gives -1 when it fails.
pub(crate) fn check(call: impl FnOnce(*mut RawError) -> i32) -> Result<i32> {
    let mut error = RawError::none();
    let code = call(&mut error);
    if code < 0 { Err(error.take()) } else { Ok(code) }
}
