use std::collections::BTreeMap;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use crate::batch::{Batch, DType, Tensor};
use crate::error::{DataError, Result};
use crate::image::Image;
use crate::rng::Place;
use crate::run::Run;
use crate::sampler::{order, samples_per_rank};
use crate::source::{self, Source};
use crate::spec::{Collate, LabelType, LoaderSpec};
use crate::transform::Plan;
use crate::transform::color::to_gray;

/// Names of failed images that an error lists.
const LISTED: usize = 10;

/// A sample whose image could not be decoded.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Failure {
    pub sample: usize,
    pub name: String,
    pub reason: String,
}

/// What has happened since the loader was opened.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub struct Stats {
    /// Seconds for which a taker waited for a batch.
    pub wait_seconds: f64,
    /// Samples handed out.
    pub images: u64,
    pub batches: u64,
    /// Distinct samples that could not be decoded.
    pub failures: u64,
}

/// Samples of a source, transformed and collated; what the threads of a [`Run`] share.
pub struct Dataset {
    pub spec: LoaderSpec,
    pub source: Box<dyn Source>,
    plan: Plan,
    len: usize,
    failures: Mutex<BTreeMap<usize, Failure>>,
    pub(crate) wait_nanos: AtomicU64,
    pub(crate) images: AtomicU64,
    pub(crate) batches: AtomicU64,
}

/// A poisoned lock is still good here: every critical section leaves its data whole.
pub(crate) fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Dataset {
    /// # Errors
    /// The source cannot be opened, the transform list is wrong, or not one batch would come out.
    pub fn open(spec: LoaderSpec) -> Result<Dataset> {
        let plan = Plan::compile(&spec.transforms, spec.channels)?;
        let first = spec
            .sources
            .first()
            .ok_or_else(|| DataError::usage("data loader: there is no source"))?;
        let source = source::open(first)?;
        let len = match usize::try_from(spec.data_limit) {
            Ok(limit) if limit > 0 => source.len().min(limit),
            _ => source.len(),
        };
        let dataset = Dataset {
            spec,
            source,
            plan,
            len,
            failures: Mutex::new(BTreeMap::new()),
            wait_nanos: AtomicU64::new(0),
            images: AtomicU64::new(0),
            batches: AtomicU64::new(0),
        };
        order(dataset.spec.sampler, 0, dataset.spec.rank, dataset.spec.world, 0)?;
        if dataset.batches_per_epoch() == 0 {
            let (size, world) = (dataset.spec.batch_size, dataset.spec.world);
            return Err(DataError::data(format!(
                "{len} samples give no batch of {size} to each of {world} processes"
            ))
            .fix("lower BATCHSIZE_PER_REPLICA, set DROP_LAST to false, or give more images"));
        }
        Ok(dataset)
    }

    /// Number of samples after the data limit.
    pub fn len(&self) -> usize {
        self.len
    }

    pub fn is_empty(&self) -> bool {
        self.len == 0
    }

    pub fn views(&self) -> usize {
        self.plan.views()
    }

    pub fn batches_per_epoch(&self) -> usize {
        let samples = samples_per_rank(self.spec.sampler, self.len, self.spec.world);
        if self.spec.drop_last {
            samples / self.spec.batch_size
        } else {
            samples.div_ceil(self.spec.batch_size)
        }
    }

    /// The samples that could not be decoded so far, by index.
    pub fn failures(&self) -> Vec<Failure> {
        lock(&self.failures).values().cloned().collect()
    }

    fn note_failure(&self, failure: Failure) -> Result<()> {
        let mut failures = lock(&self.failures);
        failures.insert(failure.sample, failure);
        let count = failures.len();
        if count as f64 <= self.spec.max_failed * self.len as f64 {
            return Ok(());
        }
        let listed: Vec<String> = failures
            .values()
            .take(LISTED)
            .map(|failure| format!("  {}: {}", failure.name, failure.reason))
            .collect();
        let more = if count > LISTED {
            format!("\n  and {} more", count - LISTED)
        } else {
            String::new()
        };
        let share = self.spec.max_failed * 100.0;
        Err(DataError::data(format!(
            "{count} of {} images could not be decoded, more than the tolerated {share}%:\n{}{more}",
            self.len,
            listed.join("\n")
        ))
        .fix("repair or remove these files"))
    }

    /// The image of a sample and whether it is the real one.
    fn image(&self, sample: usize) -> Result<(Image, bool)> {
        let image = match self.source.load(sample) {
            Ok(image) => image,
            Err(error) => {
                let name = self.source.name(sample);
                self.note_failure(Failure {
                    sample,
                    name,
                    reason: error.to_string(),
                })?;
                let side = self.spec.gray_size;
                return Ok((Image::filled(side, side, 1, 128), false));
            }
        };
        let wants_gray = self.spec.channels == 1 && image.channels == 3;
        Ok((if wants_gray { to_gray(&image) } else { image }, true))
    }

    /// Makes batch `index` out of `samples`. `None` when `stop` was raised meanwhile.
    pub(crate) fn make_batch(
        &self,
        index: usize,
        samples: &[u32],
        epoch: u64,
        stop: &AtomicBool,
    ) -> Result<Option<Batch>> {
        let (views, count) = (self.plan.views(), samples.len());
        let joined = self.spec.collate == Collate::SimclrCollator;
        let (tensors, rows) = if joined {
            (1, views * count)
        } else {
            (views, count)
        };
        let column = |name: &str| -> Vec<Tensor> {
            (0..tensors)
                .map(|i| Tensor::new(format!("{name}.{i}"), DType::Int64, vec![rows]))
                .collect()
        };
        let (mut labels, mut indices, mut valid) =
            (column("label"), column("data_idx"), column("data_valid"));
        let images = |height: usize, width: usize| -> Vec<Tensor> {
            let shape = vec![rows, self.plan.channels(), height, width];
            let tensor = |i| Tensor::new(format!("data.{i}"), DType::Float32, shape.clone());
            (0..tensors)
                .map(tensor)
                .map(|tensor| Tensor {
                    channels_last: self.spec.channels_last,
                    ..tensor
                })
                .collect()
        };
        let mut size = self.plan.output_size(self.source.fixed_size());
        let mut data = size.map_or_else(Vec::new, |(height, width)| images(height, width));
        for (position, sample) in samples.iter().enumerate() {
            if stop.load(Ordering::Relaxed) {
                return Ok(None);
            }
            let sample = *sample as usize;
            let (image, is_real) = self.image(sample)?;
            let label = match self.spec.label_type {
                LabelType::Standard => self.source.label(sample).unwrap_or(-1),
                LabelType::SampleIndex => sample as i64,
                LabelType::Zero => 0,
            };
            let place = Place {
                seed: self.spec.seed,
                epoch: epoch as u32,
                sample: sample as u64,
                view: 0,
                step: 0,
            };
            self.plan
                .run(&image, place, |view, image| {
                    let (height, width) = *size.get_or_insert((image.height, image.width));
                    if (image.height, image.width) != (height, width) {
                        return Err(format!(
                            "is {}x{} after the transforms where others of its batch are {width}x{height}; \
                             add a crop or a Resize to [height, width]",
                            image.width, image.height
                        ));
                    }
                    if data.is_empty() {
                        data = images(height, width);
                    }
                    let (tensor, row) = if joined {
                        (0, view * count + position)
                    } else {
                        (view, position)
                    };
                    let elements = self.plan.channels() * height * width;
                    let target =
                        &mut data[tensor].buffer.as_mut_slice::<f32>()[row * elements..(row + 1) * elements];
                    self.plan.write(image, target, self.spec.channels_last);
                    labels[tensor].buffer.as_mut_slice::<i64>()[row] = label;
                    indices[tensor].buffer.as_mut_slice::<i64>()[row] = sample as i64;
                    valid[tensor].buffer.as_mut_slice::<i64>()[row] = if is_real { 1 } else { -1 };
                    Ok(())
                })
                .map_err(|text| DataError::data(format!("{}: {text}", self.source.name(sample))))?;
        }
        let tensors = data
            .into_iter()
            .chain(labels)
            .chain(indices)
            .chain(valid)
            .collect();
        Ok(Some(Batch {
            index,
            size: count,
            tensors,
        }))
    }
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
        let run = Run::start(Arc::clone(&self.dataset), epoch, start_batch)?;
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

    pub fn stats(&self) -> Stats {
        let dataset = &self.dataset;
        Stats {
            wait_seconds: dataset.wait_nanos.load(Ordering::Relaxed) as f64 / 1e9,
            images: dataset.images.load(Ordering::Relaxed),
            batches: dataset.batches.load(Ordering::Relaxed),
            failures: lock(&dataset.failures).len() as u64,
        }
    }
}

impl Drop for Loader {
    fn drop(&mut self) {
        self.stop();
    }
}
