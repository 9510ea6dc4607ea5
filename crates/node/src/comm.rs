//! What JavaScript sees of `vissl-comm`. Calls block until the other processes have made the same call.

use std::time::Duration;

use napi::bindgen_prelude::*;
use napi_derive::napi;
use vissl_comm::{Place, Reduction};
use vissl_tensor::{Error as TensorError, ErrorKind};

use crate::Engine;

fn reason(error: TensorError) -> Error {
    Error::from_reason(error.message)
}

fn milliseconds(timeout: f64) -> Duration {
    Duration::from_millis(timeout.max(0.0) as u64)
}

/// Keys and values that all processes of a run see.
#[napi]
pub struct Store(vissl_comm::Store);

#[napi]
impl Store {
    #[napi(factory)]
    pub fn tcp(host: String, port: u16, is_server: bool, size: u32, timeout: f64) -> Result<Self> {
        let place = Place::Tcp {
            host: &host,
            port,
            is_server,
        };
        vissl_comm::Store::open(place, size as usize, milliseconds(timeout))
            .map(Self)
            .map_err(reason)
    }

    #[napi(factory)]
    pub fn file(path: String, size: u32, timeout: f64) -> Result<Self> {
        vissl_comm::Store::open(Place::File { path: &path }, size as usize, milliseconds(timeout))
            .map(Self)
            .map_err(reason)
    }

    #[napi]
    pub fn set(&self, key: String, value: Uint8Array) -> Result<()> {
        self.0.set(&key, &value).map_err(reason)
    }

    /// Waits until some process has set the key.
    #[napi]
    pub fn get(&self, key: String) -> Result<Uint8Array> {
        self.0.get(&key).map(Uint8Array::new).map_err(reason)
    }
}

/// Methods with an engine return -1 for a failure, see `Engine.takeFailure`.
#[napi]
pub struct ProcessGroup(vissl_comm::Group);

#[napi]
impl ProcessGroup {
    #[napi(constructor)]
    pub fn new(
        store: &Store,
        name: String,
        rank: u32,
        size: u32,
        address: String,
        timeout: f64,
    ) -> Result<Self> {
        let (rank, size) = (rank as usize, size as usize);
        vissl_comm::Group::join(&store.0, &name, rank, size, &address, milliseconds(timeout))
            .map(Self)
            .map_err(reason)
    }

    #[napi]
    pub fn gather(&self, engine: &mut Engine, handle: f64) -> f64 {
        let result = self.0.gather(&mut engine.session, handle);
        engine.settle(result, |handle| handle)
    }

    /// `reduction`: 0 sum, 1 mean, 2 max, 3 min.
    #[napi]
    pub fn all_reduce(&self, engine: &mut Engine, handle: f64, reduction: u32) -> f64 {
        let reduction = match reduction {
            0 => Ok(Reduction::Sum),
            1 => Ok(Reduction::Mean),
            2 => Ok(Reduction::Max),
            3 => Ok(Reduction::Min),
            _ => Err(TensorError::new(ErrorKind::Value, "no such reduction")),
        };
        let result = reduction.and_then(|kind| self.0.all_reduce(&engine.session, handle, kind));
        engine.settle(result, |()| 0.0)
    }

    #[napi]
    pub fn broadcast(&self, engine: &mut Engine, handle: f64, root: u32) -> f64 {
        let result = self.0.broadcast(&engine.session, handle, root as usize);
        engine.settle(result, |()| 0.0)
    }

    #[napi]
    pub fn barrier(&self, engine: &mut Engine) -> f64 {
        let result = self.0.barrier();
        engine.settle(result, |()| 0.0)
    }
}

/// Averages gradients in buckets during the backward pass.
#[napi]
pub struct Reducer(vissl_comm::Reducer);

#[napi]
impl Reducer {
    /// Bucket sizes in bytes.
    #[napi(constructor)]
    pub fn new(
        group: &ProcessGroup,
        engine: &Engine,
        parameters: Vec<f64>,
        first_bucket: f64,
        bucket: f64,
    ) -> Result<Self> {
        let (first, bucket) = (first_bucket as usize, bucket as usize);
        vissl_comm::Reducer::new(&group.0, &engine.session, &parameters, first, bucket)
            .map(Self)
            .map_err(reason)
    }

    /// To be called before each backward pass whose gradients are to be averaged.
    #[napi]
    pub fn prepare(&mut self, engine: &mut Engine) -> f64 {
        let result = self.0.prepare();
        engine.settle(result, |()| 0.0)
    }
}
