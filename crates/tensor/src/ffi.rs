//! The shim's C interface. Pointers named `tensor` are torch-sys tensors (`at::Tensor*`).

use std::ffi::{c_char, c_void};

use torch_sys::C_tensor;

use crate::error::RawError;
use crate::table::Slot;

#[repr(C)]
pub struct Operator {
    _private: [u8; 0],
}

#[repr(C)]
pub struct Generator {
    _private: [u8; 0],
}

/// What handles, string and generator indices in an argument list refer to.
#[repr(C)]
pub struct Context {
    pub slots: *const Slot,
    pub slot_count: usize,
    pub strings: *const *const c_char,
    pub string_count: usize,
    pub generators: *const *mut Generator,
    pub generator_count: usize,
}

pub type Release = unsafe extern "C" fn(*mut c_void);

unsafe extern "C" {
    pub fn vissl_operator(
        name: *const c_char,
        overload: *const c_char,
        error: *mut RawError,
    ) -> *mut Operator;
    pub fn vissl_operator_free(operator: *mut Operator);
    pub fn vissl_call(
        operator: *mut Operator,
        context: *const Context,
        arguments: *const f64,
        length: usize,
        out: *mut f64,
        capacity: usize,
        error: *mut RawError,
    ) -> i32;
    pub fn vissl_schemas(error: *mut RawError) -> *mut c_char;
    pub fn vissl_libtorch_version() -> *const c_char;
    pub fn vissl_describe(
        tensor: *const C_tensor,
        out: *mut f64,
        capacity: usize,
        error: *mut RawError,
    ) -> i32;
    pub fn vissl_storage(
        tensor: *const C_tensor,
        identity: *mut u64,
        bytes: *mut u64,
        error: *mut RawError,
    ) -> i32;
    pub fn vissl_is_contiguous(tensor: *const C_tensor, memory_format: i32, error: *mut RawError) -> i32;
    pub fn vissl_set_requires_grad(tensor: *mut C_tensor, on: i32, error: *mut RawError) -> i32;
    pub fn vissl_grad(tensor: *const C_tensor, error: *mut RawError) -> *mut C_tensor;
    pub fn vissl_gradients(
        parameters: *const *mut C_tensor,
        count: usize,
        gradients: *mut *mut C_tensor,
        layouts: *mut i32,
        error: *mut RawError,
    ) -> i32;
    pub fn vissl_set_grad(tensor: *mut C_tensor, gradient: *const C_tensor, error: *mut RawError) -> i32;
    pub fn vissl_backward(
        tensor: *const C_tensor,
        gradient: *const C_tensor,
        retain_graph: i32,
        create_graph: i32,
        error: *mut RawError,
    ) -> i32;
    pub fn vissl_from_blob(
        data: *mut c_void,
        sizes: *const i64,
        dims: usize,
        channels_last: i32,
        dtype: i32,
        release: Release,
        context: *mut c_void,
        error: *mut RawError,
    ) -> *mut C_tensor;
    pub fn vissl_grad_mode(on: i32) -> i32;
    pub fn vissl_rng_state(device_type: i32, device_index: i32, error: *mut RawError) -> *mut C_tensor;
    pub fn vissl_set_rng_state(
        device_type: i32,
        device_index: i32,
        state: *const C_tensor,
        error: *mut RawError,
    ) -> i32;
    pub fn vissl_generator(seed: u64) -> *mut Generator;
    pub fn vissl_generator_free(generator: *mut Generator);
    pub fn vissl_autocast(device_type: i32, dtype: i32, error: *mut RawError) -> i32;
    pub fn vissl_profile_start(error: *mut RawError) -> i32;
    pub fn vissl_profile_stop(error: *mut RawError) -> *mut c_char;
}
