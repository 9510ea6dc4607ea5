//! What the threads of loaders do and when, while somebody records it. A recording belongs to the process: threads of
//! all its loaders are in it.

use std::collections::HashMap;
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Instant;

use crate::loader::lock;
use crate::times::Part;

/// Keeps a forgotten recording from filling memory: 64 MB at most.
const MOST_SPANS: usize = 2_000_000;

/// A stretch of time that a thread spent on one part of the work.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Span {
    /// Which of [`Trace::threads`].
    pub thread: usize,
    pub part: Part,
    /// Nanoseconds since [`start`].
    pub start: u64,
    pub end: u64,
}

/// What was recorded; spans by their ends.
#[derive(Debug, Default)]
pub struct Trace {
    /// Names of threads, each with the loader that it works for. A thread that a later epoch started goes on in the
    /// row of the one of its name.
    pub threads: Vec<String>,
    pub spans: Vec<Span>,
    /// Spans beyond those that are kept.
    pub dropped: usize,
}

struct Recording {
    began: Instant,
    rows: HashMap<(u64, String), usize>,
    trace: Trace,
}

static RECORDS: AtomicBool = AtomicBool::new(false);
static RECORDING: Mutex<Option<Recording>> = Mutex::new(None);

/// Begins to record. @returns false when a recording runs already
pub fn start() -> bool {
    let mut recording = lock(&RECORDING);
    if recording.is_some() {
        return false;
    }
    *recording = Some(Recording {
        began: Instant::now(),
        rows: HashMap::new(),
        trace: Trace::default(),
    });
    RECORDS.store(true, Ordering::Relaxed);
    true
}

/// Ends the recording; `None` when none runs. What is going on at this moment is not in it.
pub fn stop() -> Option<Trace> {
    RECORDS.store(false, Ordering::Relaxed);
    lock(&RECORDING).take().map(|recording| recording.trace)
}

/// Notes a span of the calling thread; costs one load of a flag while nothing is recorded.
#[inline]
pub(crate) fn note(loader: (u64, &str), part: Part, start: Instant, end: Instant) {
    if RECORDS.load(Ordering::Relaxed) {
        push(loader, part, start, end);
    }
}

fn push((id, name): (u64, &str), part: Part, start: Instant, end: Instant) {
    let mut recording = lock(&RECORDING);
    let Some(Recording { began, rows, trace }) = &mut *recording else {
        return;
    };
    // What began before the recording is left out rather than cut.
    let Some(start) = start.checked_duration_since(*began) else {
        return;
    };
    if trace.spans.len() == MOST_SPANS {
        trace.dropped += 1;
        return;
    }
    // Threads that are not the loader's own take its batches.
    let current = std::thread::current();
    let of_loader = current.name().filter(|name| name.starts_with("data-"));
    let thread = of_loader.unwrap_or("taker");
    let thread = *rows.entry((id, thread.to_owned())).or_insert_with(|| {
        trace
            .threads
            .push(format!("{name} {thread}").trim_start().to_owned());
        trace.threads.len() - 1
    });
    trace.spans.push(Span {
        thread,
        part,
        start: start.as_nanos() as u64,
        end: end.saturating_duration_since(*began).as_nanos() as u64,
    });
}
