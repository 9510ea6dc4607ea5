//! What is done to a sample between decoding and the batch.
//!
//! [`plan`] reads the configuration's list once into typed [`action`]s and `run` applies them; a [`step`] takes an
//! image to an image. The arithmetic, which equals Pillow's bit for bit, is in [`resample`], [`affine`], [`color`],
//! [`photo`], [`blur`], [`lab`] and [`patches`].

pub mod action;
pub mod affine;
pub mod augment;
pub mod blur;
pub mod color;
pub mod color_step;
pub mod geometry;
pub mod lab;
pub mod params;
pub mod patches;
pub mod photo;
pub mod plan;
mod policies;
pub mod region;
pub mod resample;
mod run;
pub mod step;

pub use plan::{Plan, Scripts};
