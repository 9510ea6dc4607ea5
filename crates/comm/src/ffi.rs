//! The shim's C interface. Pointers named `tensor` are torch-sys tensors (`at::Tensor*`).

use std::ffi::c_char;

use torch_sys::C_tensor;
use vissl_tensor::RawError;

#[repr(C)]
pub struct Store {
    _private: [u8; 0],
}

#[repr(C)]
pub struct Group {
    _private: [u8; 0],
}

#[repr(C)]
pub struct Reducer {
    _private: [u8; 0],
}

unsafe extern "C" {
    pub fn vissl_store_tcp(
        host: *const c_char,
        port: u16,
        is_server: i32,
        size: i64,
        timeout: i64,
        error: *mut RawError,
    ) -> *mut Store;
    pub fn vissl_store_file(path: *const c_char, size: i64, timeout: i64, error: *mut RawError)
    -> *mut Store;
    pub fn vissl_store_free(store: *mut Store);
    pub fn vissl_store_set(
        store: *mut Store,
        key: *const c_char,
        value: *const u8,
        length: usize,
        error: *mut RawError,
    ) -> i32;
    pub fn vissl_store_get(
        store: *mut Store,
        key: *const c_char,
        length: *mut usize,
        error: *mut RawError,
    ) -> *mut u8;
    pub fn vissl_group(
        store: *const Store,
        name: *const c_char,
        rank: i32,
        size: i32,
        address: *const c_char,
        timeout: i64,
        error: *mut RawError,
    ) -> *mut Group;
    pub fn vissl_group_free(group: *mut Group);
    pub fn vissl_gather(group: *const Group, tensor: *const C_tensor, error: *mut RawError) -> *mut C_tensor;
    pub fn vissl_all_reduce(
        group: *const Group,
        tensor: *mut C_tensor,
        reduction: i32,
        error: *mut RawError,
    ) -> i32;
    pub fn vissl_broadcast(
        group: *const Group,
        tensor: *mut C_tensor,
        root: i32,
        error: *mut RawError,
    ) -> i32;
    pub fn vissl_barrier(group: *const Group, error: *mut RawError) -> i32;
    pub fn vissl_reducer(
        group: *const Group,
        parameters: *const *const C_tensor,
        count: usize,
        first_bucket: i64,
        bucket: i64,
        error: *mut RawError,
    ) -> *mut Reducer;
    pub fn vissl_reducer_prepare(reducer: *mut Reducer, error: *mut RawError) -> i32;
    pub fn vissl_reducer_free(reducer: *mut Reducer);
}
