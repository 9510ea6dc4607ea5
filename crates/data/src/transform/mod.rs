//! What is done to an image between decoding and the batch.
//!
//! [`plan`] reads the configuration's list once into typed steps, [`step`] applies one step, and [`resample`],
//! [`color`] and [`blur`] hold the arithmetic, which equals Pillow's bit for bit.

pub mod blur;
pub mod color;
mod params;
pub mod plan;
pub mod resample;
pub mod step;

pub use plan::Plan;
