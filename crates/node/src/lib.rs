//! What JavaScript sees of `vissl-tensor`: one class whose instance belongs to one environment. Groups of processes
//! are in `comm`.

mod comm;

use std::ffi::c_void;

use napi::bindgen_prelude::*;
use napi::sys;
use napi_derive::napi;
use vissl_tensor::{Blob, Error as TensorError, ErrorKind, Session};

/// An error of the tensor engine, as `[kind, message]`.
type Failure = Vec<String>;

/// Argument and result buffers are shared with JavaScript: a call passes only an operator index and a length.
#[napi]
pub struct Engine {
    session: std::mem::ManuallyDrop<Session>,
    arguments: Float64Array,
    results: Float64Array,
    failure: Option<TensorError>,
    /// The main environment ends with the process: freeing its tensors then would only race with libtorch's own
    /// shutdown.
    main_thread: bool,
}

impl Drop for Engine {
    fn drop(&mut self) {
        if !self.main_thread {
            // SAFETY: dropped once, here.
            unsafe { std::mem::ManuallyDrop::drop(&mut self.session) };
        }
    }
}

const FAILED: f64 = -1.0;

#[napi]
impl Engine {
    #[napi(constructor)]
    pub fn new(arguments: Float64Array, results: Float64Array, main_thread: bool) -> Self {
        Self {
            session: std::mem::ManuallyDrop::new(Session::default()),
            arguments,
            results,
            failure: None,
            main_thread,
        }
    }

    #[napi]
    pub fn set_buffers(&mut self, arguments: Float64Array, results: Float64Array) {
        self.arguments = arguments;
        self.results = results;
    }

    /// Kind and message of the error behind the last -1.
    #[napi]
    pub fn take_failure(&mut self) -> Failure {
        let error = self.failure.take().unwrap_or_else(|| TensorError {
            kind: ErrorKind::Runtime,
            message: "no error recorded".into(),
        });
        vec![error.kind.name().into(), error.message]
    }

    fn settle<T>(
        &mut self,
        result: std::result::Result<T, TensorError>,
        value: impl FnOnce(T) -> f64,
    ) -> f64 {
        match result {
            Ok(done) => value(done),
            Err(error) => {
                self.failure = Some(error);
                FAILED
            }
        }
    }

    #[napi]
    pub fn operator(&mut self, name: String, overload: String) -> f64 {
        let result = self.session.operator(&name, &overload);
        self.settle(result, f64::from)
    }

    /// The function behind every operator: it takes nothing and returns nothing, because crossing the boundary is
    /// what costs. Operator index and argument length are the first two argument values, the arguments follow; the
    /// first result value becomes the handle of a single tensor result (at least 2^32), else how many values
    /// follow it, else -1. The engine must outlive the function.
    #[napi(ts_return_type = "() => void")]
    pub fn call_function(&mut self, env: Env) -> Result<Unknown<'static>> {
        let mut function = std::ptr::null_mut();
        let data = std::ptr::from_mut(self).cast::<c_void>();
        // SAFETY: napi-rs keeps the instance at a fixed address, and JavaScript keeps it alive with the function.
        unsafe {
            let name = c"call".as_ptr();
            let status = sys::napi_create_function(env.raw(), name, 4, Some(call), data, &mut function);
            if status != sys::Status::napi_ok {
                return Err(Error::from_reason("the call function cannot be made"));
            }
            Ok(Unknown::from_raw_unchecked(env.raw(), function))
        }
    }

    fn run(&mut self) {
        // SAFETY: JavaScript is single-threaded and waits for this call, so nothing else touches the buffers.
        let results = unsafe { self.results.as_mut() };
        let (operator, length) = (self.arguments[0] as u32, self.arguments[1] as usize);
        let end = length.saturating_add(2).min(self.arguments.len());
        let (status, values) = results.split_at_mut(1);
        status[0] = match self.session.call(operator, &self.arguments[2..end], values) {
            Ok(2) if values[0] == 1.0 => values[1],
            Ok(written) => written as f64,
            Err(error) => {
                self.failure = Some(error);
                FAILED
            }
        };
    }

    #[napi]
    pub fn intern(&mut self, text: String) -> f64 {
        let result = self.session.intern(&text);
        self.settle(result, f64::from)
    }

    #[napi]
    pub fn generator(&mut self, seed: BigInt) -> f64 {
        f64::from(self.session.generator(seed.get_u64().1))
    }

    /// Frees one tensor; false when it was freed before.
    #[napi]
    pub fn free(&mut self, handle: f64) -> bool {
        self.session.free(handle)
    }

    /// Frees the first `count` handles of the argument buffer.
    #[napi]
    pub fn free_many(&mut self, count: u32) {
        let count = (count as usize).min(self.arguments.len());
        for index in 0..count {
            let handle = self.arguments[index];
            self.session.free(handle);
        }
    }

    /// Writes dtype, device type and index, requires grad, is leaf, bytes and the sizes to the results.
    #[napi]
    pub fn describe(&mut self, handle: f64) -> f64 {
        // SAFETY: as in `call`.
        let results = unsafe { self.results.as_mut() };
        let result = self.session.describe(handle, results);
        self.settle(result, |written| written as f64)
    }

    #[napi]
    pub fn is_contiguous(&mut self, handle: f64, memory_format: i32) -> f64 {
        let result = self.session.is_contiguous(handle, memory_format);
        self.settle(result, |yes| f64::from(u8::from(yes)))
    }

    #[napi]
    pub fn set_requires_grad(&mut self, handle: f64, on: bool) -> f64 {
        let result = self.session.set_requires_grad(handle, on);
        self.settle(result, |()| 0.0)
    }

    /// A handle of the gradient, 0 when there is none.
    #[napi]
    pub fn grad(&mut self, handle: f64) -> f64 {
        let result = self.session.grad(handle);
        self.settle(result, |grad| grad.unwrap_or(0.0))
    }

    /// The first `count` argument values are handles of parameters; for each its gradient's handle (0: none) and its
    /// layout are written to the results.
    #[napi]
    pub fn gradients(&mut self, count: u32) -> f64 {
        let count = count as usize;
        if count > self.arguments.len() || 2 * count > self.results.len() {
            let error = TensorError {
                kind: ErrorKind::Value,
                message: "too many tensors".into(),
            };
            return self.settle(Err(error), |()| 0.0);
        }
        let result = self.session.gradients(&self.arguments[..count]);
        if let Ok(found) = &result {
            // SAFETY: as in `call`.
            let results = unsafe { self.results.as_mut() };
            for (pair, &(gradient, layout)) in results.chunks_exact_mut(2).zip(found) {
                pair[0] = gradient;
                pair[1] = f64::from(layout);
            }
        }
        self.settle(result, |found| found.len() as f64)
    }

    #[napi]
    pub fn set_grad(&mut self, handle: f64, gradient: Option<f64>) -> f64 {
        let result = self.session.set_grad(handle, gradient);
        self.settle(result, |()| 0.0)
    }

    #[napi]
    pub fn backward(
        &mut self,
        handle: f64,
        gradient: Option<f64>,
        retain_graph: bool,
        create_graph: bool,
    ) -> f64 {
        let result = self
            .session
            .backward(handle, gradient, retain_graph, create_graph);
        self.settle(result, |()| 0.0)
    }

    /// The first `outputs` argument values are handles of outputs, the next `inputs` of inputs; the gradients'
    /// handles are written to the results.
    #[napi]
    pub fn grad_of(&mut self, outputs: u32, inputs: u32, retain_graph: bool, create_graph: bool) -> f64 {
        let (outputs, inputs) = (outputs as usize, inputs as usize);
        if outputs + inputs > self.arguments.len() {
            return self.settle(
                Err(TensorError {
                    kind: ErrorKind::Value,
                    message: "too many tensors".into(),
                }),
                |()| 0.0,
            );
        }
        let values = self.arguments[..outputs + inputs].to_vec();
        let result = self
            .session
            .grad_of(&values[..outputs], &values[outputs..], retain_graph, create_graph);
        if let Ok(gradients) = &result {
            // SAFETY: as in `call`.
            let results = unsafe { self.results.as_mut() };
            results[..gradients.len()].copy_from_slice(gradients);
        }
        self.settle(result, |gradients| gradients.len() as f64)
    }

    #[napi]
    pub fn from_bytes(&mut self, bytes: Uint8Array, shape: Vec<i64>, dtype: i32) -> f64 {
        let result = self.session.from_bytes(&bytes, &shape, dtype);
        self.settle(result, |handle| handle)
    }

    #[napi]
    pub fn copy_bytes(&mut self, handle: f64, mut out: Uint8Array) -> f64 {
        // SAFETY: as in `call`.
        let result = self.session.copy_bytes(handle, unsafe { out.as_mut() });
        self.settle(result, |()| 0.0)
    }

    /// Takes memory over from another addon, by address. `release` is the address of a C function that frees
    /// `context`; it is called once, also when this fails.
    #[napi]
    pub fn from_address(
        &mut self,
        address: BigInt,
        shape: Vec<i64>,
        channels_last: bool,
        dtype: i32,
        release: BigInt,
        context: BigInt,
    ) -> f64 {
        let (address, release, context) = (address.get_u64().1, release.get_u64().1, context.get_u64().1);
        if address == 0 || release == 0 {
            let error = TensorError {
                kind: ErrorKind::Value,
                message: "a null address".into(),
            };
            return self.settle(Err(error), |()| 0.0);
        }
        // SAFETY: the data addon made this address from a function of exactly this type.
        let release: unsafe extern "C" fn(*mut c_void) = unsafe { std::mem::transmute(release as usize) };
        let context = context as usize as *mut c_void;
        let blob = Blob {
            data: address as usize as *mut c_void,
            shape: &shape,
            channels_last,
            dtype,
            release,
            context,
        };
        // SAFETY: the data addon keeps the memory valid until `release`.
        let result = unsafe { self.session.from_blob(blob) };
        if result.is_err() {
            // SAFETY: nothing took the memory over.
            unsafe { release(context) };
        }
        self.settle(result, |handle| handle)
    }

    /// Live tensors and the bytes of their storages.
    #[napi]
    pub fn stats(&self) -> Vec<f64> {
        let stats = self.session.stats();
        vec![stats.tensors as f64, stats.bytes as f64]
    }

    #[napi]
    pub fn grad_mode(&self, on: Option<bool>) -> bool {
        self.session.grad_mode(on)
    }

    #[napi]
    pub fn manual_seed(&self, seed: BigInt) {
        self.session.manual_seed(seed.get_i64().0);
    }

    #[napi]
    pub fn rng_state(&mut self, device_type: i32, device_index: i32) -> f64 {
        let result = self.session.rng_state(device_type, device_index);
        self.settle(result, |handle| handle)
    }

    #[napi]
    pub fn set_rng_state(&mut self, device_type: i32, device_index: i32, state: f64) -> f64 {
        let result = self.session.set_rng_state(device_type, device_index, state);
        self.settle(result, |()| 0.0)
    }

    /// Enters an autocast region with `dtype`, or leaves it (null).
    #[napi]
    pub fn autocast(&mut self, device_type: i32, dtype: Option<i32>) -> f64 {
        let result = self.session.autocast(device_type, dtype);
        self.settle(result, |before| f64::from(u8::from(before)))
    }

    #[napi]
    pub fn threads(&self, count: Option<i32>) -> i32 {
        self.session.threads(count)
    }

    #[napi]
    pub fn cuda_devices(&self) -> i64 {
        self.session.cuda_devices()
    }

    /// Tells V8 how much memory lives outside its heap.
    #[napi]
    pub fn report_external_memory(&self, env: Env, change: i64) -> Result<i64> {
        env.adjust_external_memory(change)
    }
}

/// The raw callback of `call_function`.
unsafe extern "C" fn call(env: sys::napi_env, info: sys::napi_callback_info) -> sys::napi_value {
    let mut data = std::ptr::null_mut();
    // SAFETY: `data` is the engine that made this function, see `call_function`.
    unsafe {
        sys::napi_get_cb_info(
            env,
            info,
            std::ptr::null_mut(),
            std::ptr::null_mut(),
            std::ptr::null_mut(),
            &mut data,
        );
        (*data.cast::<Engine>()).run();
    }
    std::ptr::null_mut()
}

/// One JSON object a line for every ATen operator.
#[napi]
pub fn schemas() -> Result<String> {
    vissl_tensor::schemas().map_err(|error| Error::from_reason(error.message))
}

/// Starts to record when each operator runs.
#[napi]
pub fn profile_start() -> Result<()> {
    vissl_tensor::profile_start().map_err(|error| Error::from_reason(error.message))
}

/// Ends the recording and gives it as JSON, see `vissl_tensor::profile_stop`.
#[napi]
pub fn profile_stop() -> Result<String> {
    vissl_tensor::profile_stop().map_err(|error| Error::from_reason(error.message))
}

/// The libtorch version whose headers this addon was built with.
#[napi]
pub fn libtorch_version() -> String {
    vissl_tensor::libtorch_version()
}
