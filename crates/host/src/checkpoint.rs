//! Checkpoint files for JavaScript. A tree crosses as one JSON text and numbered byte buffers; see
//! `vissl_checkpoint::json` for the form.

use std::path::Path;

use napi::bindgen_prelude::*;
use napi_derive::napi;
use vissl_checkpoint::{atomic, json, torch_file};

/// The reason is JSON: `{"kind", "message", "fix"}`.
fn to_napi(error: vissl_checkpoint::Error) -> Error {
    Error::from_reason(error.to_json())
}

#[napi(object)]
pub struct TorchFileContents {
    pub tree: String,
    pub buffers: Vec<Uint8Array>,
}

/// Reads a file of `torch.save`. `verify`: `present` compares the digest where there is one, `required` needs
/// one, `no` does not look.
#[napi]
pub fn read_torch_file(path: String, verify: String) -> Result<TorchFileContents> {
    let verify = match verify.as_str() {
        "present" => torch_file::Verify::IfPresent,
        "required" => torch_file::Verify::Required,
        "no" => torch_file::Verify::No,
        other => return Err(Error::from_reason(format!("verify is {other:?}"))),
    };
    let path = Path::new(&path);
    let file = torch_file::read(path, verify).map_err(to_napi)?;
    let (tree, buffers) = json::from_file(file).map_err(|error| to_napi(error.in_file(path)))?;
    Ok(TorchFileContents {
        tree,
        buffers: buffers.into_iter().map(Uint8Array::from).collect(),
    })
}

/// Writes a file for `torch.load` and its digest, atomically, straight from the given buffers.
#[napi]
pub fn write_torch_file(path: String, tree: String, buffers: Vec<Uint8Array>) -> Result<()> {
    write(&path, &tree, &buffers)
}

/// As `write_torch_file`, on another thread; the buffers must not change until the promise is settled.
#[napi(ts_return_type = "Promise<void>")]
pub fn write_torch_file_later(path: String, tree: String, buffers: Vec<Uint8Array>) -> AsyncTask<Write> {
    AsyncTask::new(Write { path, tree, buffers })
}

pub struct Write {
    path: String,
    tree: String,
    buffers: Vec<Uint8Array>,
}

impl Task for Write {
    type Output = ();
    type JsValue = ();

    fn compute(&mut self) -> Result<()> {
        write(&self.path, &self.tree, &self.buffers)
    }

    fn resolve(&mut self, _env: Env, (): ()) -> Result<()> {
        Ok(())
    }
}

fn write(path: &str, tree: &str, buffers: &[Uint8Array]) -> Result<()> {
    let buffers: Vec<&[u8]> = buffers.iter().map(|buffer| buffer.as_ref()).collect();
    let (tree, of) = json::to_tree(tree, &buffers).map_err(to_napi)?;
    let storages: Vec<&[u8]> = of.into_iter().map(|buffer| buffers[buffer]).collect();
    torch_file::write(Path::new(path), &tree, &storages).map_err(to_napi)
}

/// Replaces a file by `bytes`: whole or not at all.
#[napi]
pub fn write_file_atomically(path: String, bytes: Uint8Array) -> Result<()> {
    atomic::write(Path::new(&path), &bytes).map_err(to_napi)
}

/// True when a file matches the digest beside it, false when there is none; an error when they differ.
#[napi]
pub fn check_file_digest(path: String) -> Result<bool> {
    atomic::check_digest(Path::new(&path)).map_err(to_napi)
}
