//! Looking at data: folders checked file by file, batches as pictures.

use napi::bindgen_prelude::*;
use napi_derive::napi;
use vissl_data::inspect;

/// The library that decodes JPEG files in this build: `libjpeg-turbo` or `zune-jpeg`.
#[napi]
pub fn jpeg_decoder() -> &'static str {
    vissl_data::jpeg::DECODER
}

/// Decodes every image of a folder or list on a thread of the pool.
pub struct CheckTask {
    spec: String,
    threads: usize,
}

#[napi]
impl Task for CheckTask {
    type Output = String;
    type JsValue = String;

    fn compute(&mut self) -> Result<Self::Output> {
        inspect::check(&self.spec, self.threads).map_err(|error| Error::from_reason(error.to_json()))
    }

    fn resolve(&mut self, _env: Env, output: Self::Output) -> Result<Self::JsValue> {
        Ok(output)
    }
}

/// Decodes every image of a source (`spec`: JSON of `SourceSpec`); the report is JSON of `inspect::Report`.
#[napi(ts_return_type = "Promise<string>")]
pub fn check_source(spec: String, threads: u32) -> AsyncTask<CheckTask> {
    AsyncTask::new(CheckTask {
        spec,
        threads: threads as usize,
    })
}

/// A PNG file of H×W×3 bytes.
#[napi]
pub fn encode_png(pixels: Uint8Array, width: u32, height: u32) -> Result<Uint8Array> {
    inspect::encode_png(&pixels, width, height)
        .map(Uint8Array::from)
        .map_err(Error::from_reason)
}
