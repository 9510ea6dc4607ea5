//! The part of the native code that needs no libtorch: loading it, data, checkpoint files.

mod checkpoint;
mod data;
mod inspect;
mod loading;
mod scripts;
