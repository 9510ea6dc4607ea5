use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Instant;

/// What the threads of a loader spend their time on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Part {
    /// Getting the bytes of files.
    Read,
    Decode,
    Transform,
    /// Writing tensors.
    Collate,
    /// A taker waiting for a batch.
    Wait,
}

/// Seconds by [`Part`], summed over threads.
#[derive(Debug, Default)]
pub struct Times {
    nanos: [AtomicU64; 5],
}

impl Times {
    /// Runs `work` and books its time.
    pub fn measure<T>(&self, part: Part, work: impl FnOnce() -> T) -> T {
        let began = Instant::now();
        let result = work();
        self.nanos[part as usize].fetch_add(began.elapsed().as_nanos() as u64, Ordering::Relaxed);
        result
    }

    pub fn seconds(&self, part: Part) -> f64 {
        self.nanos[part as usize].load(Ordering::Relaxed) as f64 / 1e9
    }
}
