use std::sync::atomic::Ordering;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use crate::batch::Batch;
use crate::dataset::Dataset;
use crate::error::Result;
use crate::run::Run;
use crate::sampler::Order;
use crate::spec::LoaderSpec;
use crate::times::Part;

/// What has happened since the loader was opened. Seconds but `wait_seconds` are summed over the threads.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub struct Stats {
    /// Seconds for which a taker waited for a batch.
    pub wait_seconds: f64,
    pub read_seconds: f64,
    pub decode_seconds: f64,
    pub transform_seconds: f64,
    pub collate_seconds: f64,
    /// Samples handed out.
    pub images: u64,
    pub batches: u64,
    /// Distinct samples that could not be decoded.
    pub failures: u64,
}

/// A poisoned lock is still good here: every critical section leaves its data whole.
pub(crate) fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// A data set and the threads that prepare its batches.
pub struct Loader {
    dataset: Arc<Dataset>,
    run: Mutex<Option<Arc<Run>>>,
}

impl Loader {
    /// Opens what a JSON [`LoaderSpec`] describes.
    pub fn open(json: &str) -> Result<Loader> {
        Ok(Loader {
            dataset: Arc::new(Dataset::open(LoaderSpec::parse(json)?)?),
            run: Mutex::new(None),
        })
    }

    pub fn dataset(&self) -> &Dataset {
        &self.dataset
    }

    /// Begins epoch `epoch` at batch `start_batch`, stopping what ran before. Batches are the same whatever ran
    /// before and however many threads there are.
    pub fn start(&self, epoch: u64, start_batch: usize) -> Result<()> {
        self.stop();
        let order = self.dataset.order(epoch)?;
        self.begin(order, epoch, start_batch)
    }

    /// As [`Loader::start`], in an order that the caller has drawn: indices of this rank's samples.
    pub fn start_in_order(&self, samples: Vec<u32>, epoch: u64, start_batch: usize) -> Result<()> {
        self.stop();
        let order = self.dataset.given_order(samples)?;
        self.begin(order, epoch, start_batch)
    }

    fn begin(&self, order: Order, epoch: u64, start_batch: usize) -> Result<()> {
        let run = Run::start(Arc::clone(&self.dataset), order, epoch, start_batch)?;
        *lock(&self.run) = Some(Arc::new(run));
        Ok(())
    }

    /// The running epoch, whose [`Run::next`] gives batches.
    pub fn current(&self) -> Option<Arc<Run>> {
        lock(&self.run).clone()
    }

    /// The next batch of the running epoch; `None` after the last one, or when nothing runs.
    pub fn next(&self) -> Result<Option<Batch>> {
        self.current().map_or(Ok(None), |run| run.next())
    }

    /// Ends the running epoch: threads are joined, takers that wait get `None`. Does nothing when none runs.
    pub fn stop(&self) {
        let run = lock(&self.run).take();
        if let Some(run) = run {
            run.stop();
        }
    }

    /// Stops, and frees the memory that was kept for further batches. Batches that were taken stay good.
    pub fn close(&self) {
        self.stop();
        self.dataset.pool.close();
    }

    pub fn stats(&self) -> Stats {
        let dataset = &self.dataset;
        let times = &dataset.times;
        Stats {
            wait_seconds: times.seconds(Part::Wait),
            read_seconds: times.seconds(Part::Read),
            decode_seconds: times.seconds(Part::Decode),
            transform_seconds: times.seconds(Part::Transform),
            collate_seconds: times.seconds(Part::Collate),
            images: dataset.images.load(Ordering::Relaxed),
            batches: dataset.batches.load(Ordering::Relaxed),
            failures: dataset.failure_count() as u64,
        }
    }
}

impl Drop for Loader {
    fn drop(&mut self) {
        self.stop();
    }
}
