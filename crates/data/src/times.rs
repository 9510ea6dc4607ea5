use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Instant;

use crate::trace;

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
    /// A thread waiting until there is room for another batch.
    Idle,
}

impl Part {
    pub const ALL: [Part; 6] = [
        Part::Read,
        Part::Decode,
        Part::Transform,
        Part::Collate,
        Part::Wait,
        Part::Idle,
    ];

    pub fn name(self) -> &'static str {
        match self {
            Part::Read => "read",
            Part::Decode => "decode",
            Part::Transform => "transform",
            Part::Collate => "collate",
            Part::Wait => "wait for a batch",
            Part::Idle => "wait for room",
        }
    }
}

/// Seconds by [`Part`], summed over the threads of one loader.
#[derive(Debug)]
pub struct Times {
    nanos: [AtomicU64; 6],
    /// Tells loaders of one name apart.
    id: u64,
    name: String,
}

static LOADERS: AtomicU64 = AtomicU64::new(0);

impl Times {
    /// @param name of the loader, in traces
    pub fn new(name: &str) -> Times {
        Times {
            nanos: Default::default(),
            id: LOADERS.fetch_add(1, Ordering::Relaxed),
            name: name.to_owned(),
        }
    }

    /// Runs `work` and books its time.
    pub fn measure<T>(&self, part: Part, work: impl FnOnce() -> T) -> T {
        let began = Instant::now();
        let result = work();
        let ended = Instant::now();
        let nanos = ended.duration_since(began).as_nanos() as u64;
        self.nanos[part as usize].fetch_add(nanos, Ordering::Relaxed);
        trace::note((self.id, &self.name), part, began, ended);
        result
    }

    pub fn seconds(&self, part: Part) -> f64 {
        self.nanos[part as usize].load(Ordering::Relaxed) as f64 / 1e9
    }
}
