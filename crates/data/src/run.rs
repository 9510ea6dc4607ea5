use std::collections::BTreeMap;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Condvar, Mutex, PoisonError};
use std::thread::JoinHandle;

use crate::batch::Batch;
use crate::dataset::Dataset;
use crate::error::{DataError, Result};
use crate::loader::lock;
use crate::sampler::Order;
use crate::times::Part;

/// One epoch being prepared. Threads take the next batch number, make the batch, and put it where takers find the
/// batches in order; they run ahead of the taker by a bounded number of batches.
pub struct Run {
    shared: Arc<Shared>,
    threads: Mutex<Vec<JoinHandle<()>>>,
}

struct Shared {
    dataset: Arc<Dataset>,
    epoch: u64,
    order: Order,
    batches: usize,
    ahead: usize,
    state: Mutex<State>,
    /// A batch became ready, or the run was stopped.
    ready: Condvar,
    /// A batch was taken, or the run was stopped.
    room: Condvar,
    stop: AtomicBool,
}

struct State {
    to_make: usize,
    to_take: usize,
    made: BTreeMap<usize, Result<Option<Batch>>>,
    /// Bytes of the batches in `made`, and of the last one that was made.
    bytes: usize,
    batch_bytes: usize,
}

impl State {
    /// Whether another batch may be begun: not too many lie ready or are being made, nor too many bytes of them. The
    /// batch that is taken next may always be made.
    fn has_room(&self, ahead: usize, limit: usize) -> bool {
        if self.to_make <= self.to_take {
            return true;
        }
        let being_made = self.to_make - self.to_take - self.made.len().min(self.to_make - self.to_take);
        self.to_make < self.to_take + ahead
            && self
                .bytes
                .saturating_add((being_made + 1).saturating_mul(self.batch_bytes))
                <= limit
    }
}

impl Run {
    /// Begins an epoch in an order of the data set.
    pub(crate) fn start(dataset: Arc<Dataset>, order: Order, epoch: u64, start_batch: usize) -> Result<Run> {
        let spec = &dataset.spec;
        let batches = dataset.batches_of(order.len());
        if start_batch > batches {
            return Err(DataError::usage(format!(
                "batch {start_batch} is past the epoch's {batches} batches"
            )));
        }
        if epoch > u64::from(u32::MAX) {
            return Err(DataError::usage(format!(
                "epoch {epoch} is over the limit of {}",
                u32::MAX
            )));
        }
        let workers = spec.workers.min(batches - start_batch);
        let shared = Arc::new(Shared {
            epoch,
            order,
            batches,
            ahead: if spec.prefetch == 0 {
                workers * 2
            } else {
                spec.prefetch
            }
            .max(1),
            state: Mutex::new(State {
                to_make: start_batch,
                to_take: start_batch,
                made: BTreeMap::new(),
                bytes: 0,
                batch_bytes: 0,
            }),
            ready: Condvar::new(),
            room: Condvar::new(),
            stop: AtomicBool::new(false),
            dataset,
        });
        let run = Run {
            shared,
            threads: Mutex::new(Vec::new()),
        };
        for i in 0..workers {
            let shared = Arc::clone(&run.shared);
            let thread = std::thread::Builder::new()
                .name(format!("data-{i}"))
                .spawn(move || shared.work());
            let thread = thread
                .map_err(|error| DataError::internal(format!("no thread for the data loader: {error}")))?;
            lock(&run.threads).push(thread);
        }
        Ok(run)
    }

    /// Waits for the next batch; `None` after the last one and when the run was stopped.
    ///
    /// # Errors
    /// The batch could not be made; no further batches come.
    pub fn next(&self) -> Result<Option<Batch>> {
        let dataset = &self.shared.dataset;
        let result = dataset.times.measure(Part::Wait, || {
            if self.is_threaded() {
                self.shared.take()
            } else {
                self.shared.make_next()
            }
        });
        match &result {
            Ok(Some(batch)) => {
                dataset.images.fetch_add(batch.size as u64, Ordering::Relaxed);
                dataset.batches.fetch_add(1, Ordering::Relaxed);
            }
            Ok(None) => {}
            Err(_) => self.shared.halt(),
        }
        result
    }

    fn is_threaded(&self) -> bool {
        self.shared.dataset.spec.workers > 0
    }

    /// Stops the threads and waits for them; each ends within the sample that it is at.
    pub fn stop(&self) {
        self.shared.halt();
        let threads = std::mem::take(&mut *lock(&self.threads));
        for thread in threads {
            // A worker catches its panics, so joining cannot fail.
            let _ = thread.join();
        }
    }
}

impl Drop for Run {
    fn drop(&mut self) {
        self.stop();
    }
}

impl Shared {
    fn halt(&self) {
        let _state = lock(&self.state);
        self.stop.store(true, Ordering::Relaxed);
        self.ready.notify_all();
        self.room.notify_all();
    }

    fn stopped(&self) -> bool {
        self.stop.load(Ordering::Relaxed)
    }

    fn make(&self, index: usize) -> Result<Option<Batch>> {
        let size = self.dataset.spec.batch_size;
        let positions = index * size..((index + 1) * size).min(self.order.len());
        let make = || {
            self.dataset
                .make_batch(index, positions.clone(), &self.order, self.epoch, &self.stop)
        };
        catch_unwind(AssertUnwindSafe(make)).unwrap_or_else(|panic| {
            let text = panic.downcast_ref::<String>().cloned();
            let text = text.or_else(|| panic.downcast_ref::<&str>().map(|text| (*text).to_owned()));
            Err(DataError::internal(format!(
                "data loader: batch {index}: {}",
                text.unwrap_or_default()
            )))
        })
    }

    /// What one thread does.
    fn work(&self) {
        loop {
            let index = {
                let mut state = lock(&self.state);
                let is_full = |state: &State| {
                    !self.stopped()
                        && state.to_make < self.batches
                        && !state.has_room(self.ahead, self.dataset.spec.prefetch_bytes)
                };
                if is_full(&state) {
                    state = self.dataset.times.measure(Part::Idle, || {
                        let waited = self.room.wait_while(state, |state| is_full(state));
                        waited.unwrap_or_else(PoisonError::into_inner)
                    });
                }
                if self.stopped() || state.to_make >= self.batches {
                    return;
                }
                state.to_make += 1;
                state.to_make - 1
            };
            let result = self.make(index);
            let mut state = lock(&self.state);
            if let Ok(Some(batch)) = &result {
                state.batch_bytes = batch.bytes();
                state.bytes += batch.bytes();
            }
            state.made.insert(index, result);
            drop(state);
            self.ready.notify_all();
        }
    }

    fn take(&self) -> Result<Option<Batch>> {
        let mut state = lock(&self.state);
        loop {
            if self.stopped() || state.to_take >= self.batches {
                return Ok(None);
            }
            let wanted = state.to_take;
            if let Some(result) = state.made.remove(&wanted) {
                state.to_take += 1;
                if let Ok(Some(batch)) = &result {
                    state.bytes -= batch.bytes();
                }
                self.room.notify_all();
                return result;
            }
            state = self.ready.wait(state).unwrap_or_else(PoisonError::into_inner);
        }
    }

    fn make_next(&self) -> Result<Option<Batch>> {
        let index = {
            let mut state = lock(&self.state);
            if self.stopped() || state.to_take >= self.batches {
                return Ok(None);
            }
            state.to_take += 1;
            state.to_take - 1
        };
        self.make(index)
    }
}
