//! the part of the native code that needs no libtorch: loading it, data, checkpoint files, kernels.

mod checkpoint;
mod data;
mod inspect;
mod kernels;
mod loading;
mod scripts;
