//! The data loader for JavaScript. Tensors leave by pointer: who takes one calls its release function once.

use std::collections::BTreeMap;
use std::ffi::c_void;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use napi::bindgen_prelude::*;
use napi_derive::napi;
use vissl_data::Loader;
use vissl_data::batch::{Batch, Tensor};
use vissl_data::buffer::Buffer as Memory;
use vissl_data::error::DataError;
use vissl_data::run::Run;
use vissl_data::times::Part;
use vissl_data::trace;

/// Taken tensors that were not released, by context. A context is given once, since memory is used again: a second
/// release, or a made-up one, does no harm.
static TAKEN: Mutex<BTreeMap<usize, Memory>> = Mutex::new(BTreeMap::new());
static CONTEXTS: AtomicUsize = AtomicUsize::new(1);

fn taken() -> MutexGuard<'static, BTreeMap<usize, Memory>> {
    TAKEN.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Frees the buffer of a taken tensor; does nothing for a context that is not, or no longer, a taken one.
extern "C" fn release_buffer(context: *mut c_void) {
    let memory = taken().remove(&(context as usize));
    drop(memory);
}

fn to_napi(error: DataError) -> Error {
    Error::from_reason(error.to_json())
}

/// A tensor that its taker owns: memory at `address`, freed by calling the C function at `release` with `context`.
#[napi(object)]
pub struct NativeTensor {
    pub name: String,
    /// `float32`, `int64` or `bool`.
    pub dtype: String,
    pub shape: Vec<u32>,
    /// In elements.
    pub strides: Vec<u32>,
    pub channels_last: bool,
    pub bytes: f64,
    pub address: BigInt,
    pub release: BigInt,
    pub context: BigInt,
}

/// Frees a tensor that was taken and is not handed on. The descriptor must not be used afterwards.
#[napi]
pub fn release_tensor(tensor: NativeTensor) {
    release_buffer(tensor.context.get_u64().1 as usize as *mut c_void);
}

/// A copy of a taken tensor's memory; the tensor stays taken.
#[napi]
pub fn copy_tensor(tensor: NativeTensor) -> Result<Uint8Array> {
    let taken = taken();
    let memory = taken.get(&(tensor.context.get_u64().1 as usize));
    let memory = memory.ok_or_else(|| to_napi(DataError::usage("the tensor was released already")))?;
    Ok(memory.as_slice::<u8>().to_vec().into())
}

/// One batch. Tensors that nobody takes are freed with it.
#[napi]
pub struct NativeBatch {
    batch: Batch,
    tensors: Vec<Option<Tensor>>,
}

#[napi]
impl NativeBatch {
    /// Number of the batch within its epoch.
    #[napi(getter)]
    pub fn index(&self) -> u32 {
        self.batch.index as u32
    }

    /// Number of samples, before copies.
    #[napi(getter)]
    pub fn size(&self) -> u32 {
        self.batch.size as u32
    }

    /// Names of the tensors that were not taken: `data.0`, `label.0`, `data_idx.0`, `data_valid.0`, …
    #[napi(getter)]
    pub fn names(&self) -> Vec<String> {
        self.tensors
            .iter()
            .flatten()
            .map(|tensor| tensor.name.clone())
            .collect()
    }

    /// Frees the tensors that were not taken.
    #[napi]
    pub fn free(&mut self) {
        self.tensors.clear();
    }

    /// Gives a tensor away. Throws when there is none of that name, or when it was taken.
    #[napi]
    pub fn take(&mut self, name: String) -> Result<NativeTensor> {
        let slot = self
            .tensors
            .iter_mut()
            .find(|slot| slot.as_ref().is_some_and(|tensor| tensor.name == name));
        let tensor = slot.and_then(Option::take);
        let tensor = tensor.ok_or_else(|| {
            Error::from_reason(
                DataError::usage(format!("the batch has no tensor {name:?}"))
                    .fix(format!("there are: {}", self.names().join(", ")))
                    .to_json(),
            )
        })?;
        let shape: Vec<u32> = tensor.shape.iter().map(|size| *size as u32).collect();
        let strides = match shape[..] {
            [_, c, h, w] if tensor.channels_last => vec![h * w * c, 1, w * c, c],
            _ => (0..shape.len())
                .map(|axis| shape[axis + 1..].iter().product())
                .collect(),
        };
        let bytes = tensor.buffer.len() as f64;
        let address = tensor.buffer.as_ptr() as usize;
        let context = CONTEXTS.fetch_add(1, Ordering::Relaxed);
        taken().insert(context, tensor.buffer);
        Ok(NativeTensor {
            name: tensor.name,
            dtype: tensor.dtype.name().to_owned(),
            shape,
            strides,
            channels_last: tensor.channels_last,
            bytes,
            address: BigInt::from(address as u64),
            release: BigInt::from(release_buffer as *const () as usize as u64),
            context: BigInt::from(context as u64),
        })
    }
}

/// Waits for a batch on a thread of the pool.
pub struct NextBatch {
    run: Option<Arc<Run>>,
}

fn native(batch: Batch) -> NativeBatch {
    let Batch { index, size, tensors } = batch;
    NativeBatch {
        batch: Batch {
            index,
            size,
            tensors: Vec::new(),
        },
        tensors: tensors.into_iter().map(Some).collect(),
    }
}

#[napi]
impl Task for NextBatch {
    type Output = Option<Batch>;
    type JsValue = Option<NativeBatch>;

    fn compute(&mut self) -> Result<Self::Output> {
        self.run
            .as_ref()
            .map_or(Ok(None), |run| run.next())
            .map_err(to_napi)
    }

    fn resolve(&mut self, _env: Env, output: Self::Output) -> Result<Self::JsValue> {
        Ok(output.map(native))
    }
}

/// A file that is no sample.
#[napi(object)]
pub struct SkippedFile {
    pub path: String,
    pub reason: String,
}

/// A sample whose image could not be decoded; a gray image stands in for it.
#[napi(object)]
pub struct FailedImage {
    pub sample: f64,
    pub name: String,
    pub reason: String,
}

#[napi(object)]
pub struct DataInfo {
    /// Samples of the data set, after the data limit.
    pub samples: f64,
    pub batches_per_epoch: f64,
    /// Entries of a sample's data that the transforms make: copies, crops, an image and its patches.
    pub views: u32,
    /// Class names in the order of the labels; empty when the source has none.
    pub classes: Vec<String>,
    /// Whether samples have labels; without them a label is -1.
    pub labelled: bool,
    /// Files left out when the source was opened.
    pub skipped: Vec<SkippedFile>,
}

/// Seconds but `wait_seconds` are summed over the threads.
#[napi(object)]
pub struct DataStats {
    pub wait_seconds: f64,
    pub read_seconds: f64,
    pub decode_seconds: f64,
    pub transform_seconds: f64,
    pub collate_seconds: f64,
    pub images: f64,
    pub batches: f64,
    pub failures: f64,
    /// Of the folder of decoded images: images taken from it, and files of it that were damaged.
    pub cache_hits: f64,
    pub cache_damaged: f64,
    /// Why nothing more is put there, when that is because of an error.
    pub cache_trouble: Option<String>,
}

/// A label that is no class.
#[napi(object)]
pub struct LabelOutside {
    pub name: String,
    /// Position of the label source.
    pub source: u32,
    pub label: f64,
}

/// What the threads of all loaders did.
#[napi(object)]
pub struct LoaderTrace {
    /// Names of the threads, each with its loader.
    pub threads: Vec<String>,
    /// Names of the parts of the work.
    pub parts: Vec<String>,
    /// Four numbers a span: thread, part, start and end in nanoseconds since the recording began.
    pub spans: Float64Array,
    /// Spans beyond those that are kept.
    pub dropped: f64,
}

/// Begins to record what the threads of loaders do. False when a recording runs already.
#[napi]
pub fn start_loader_trace() -> bool {
    trace::start()
}

/// Ends the recording; null when none runs.
#[napi]
pub fn stop_loader_trace() -> Option<LoaderTrace> {
    let trace = trace::stop()?;
    let numbers = |span: &trace::Span| {
        let (thread, part) = (span.thread as f64, span.part as u8 as f64);
        [thread, part, span.start as f64, span.end as f64]
    };
    Some(LoaderTrace {
        threads: trace.threads,
        parts: Part::ALL.map(|part| part.name().to_owned()).to_vec(),
        spans: trace.spans.iter().flat_map(numbers).collect::<Vec<f64>>().into(),
        dropped: trace.dropped as f64,
    })
}

/// Reads, transforms and collates on its own threads. Errors carry a JSON text `{kind, message, fix}`.
#[napi]
pub struct DataLoader {
    loader: Loader,
}

#[napi]
impl DataLoader {
    /// `spec` is the JSON of `vissl_data::spec::LoaderSpec`.
    #[napi(constructor)]
    pub fn new(spec: String) -> Result<Self> {
        Ok(DataLoader {
            loader: Loader::open(&spec).map_err(to_napi)?,
        })
    }

    #[napi(getter)]
    pub fn info(&self) -> DataInfo {
        let dataset = self.loader.dataset();
        let skipped = dataset.sources.iter().flat_map(|source| source.skipped());
        DataInfo {
            samples: dataset.len() as f64,
            batches_per_epoch: dataset.batches_per_epoch() as f64,
            views: dataset.views() as u32,
            classes: dataset.classes().to_vec(),
            labelled: dataset.is_labelled(),
            skipped: skipped
                .map(|file| SkippedFile {
                    path: file.path.clone(),
                    reason: file.reason.clone(),
                })
                .collect(),
        }
    }

    /// Begins an epoch at a batch; an epoch that was running is stopped.
    #[napi]
    pub fn start_epoch(&self, epoch: u32, start_batch: u32) -> Result<()> {
        self.loader
            .start(u64::from(epoch), start_batch as usize)
            .map_err(to_napi)
    }

    /// As `startEpoch`, in an order of the caller's: indices of this process's samples.
    #[napi]
    pub fn start_epoch_in_order(&self, epoch: u32, start_batch: u32, samples: Uint32Array) -> Result<()> {
        self.loader
            .start_in_order(samples.to_vec(), u64::from(epoch), start_batch as usize)
            .map_err(to_napi)
    }

    /// The next batch, or null after the last one and after `stop`.
    #[napi(ts_return_type = "Promise<NativeBatch | null>")]
    pub fn next(&self) -> AsyncTask<NextBatch> {
        AsyncTask::new(NextBatch {
            run: self.loader.current(),
        })
    }

    /// As `next`, blocking.
    #[napi]
    pub fn next_sync(&self) -> Result<Option<NativeBatch>> {
        Ok(self.loader.next().map_err(to_napi)?.map(native))
    }

    /// Ends the running epoch and joins its threads.
    #[napi]
    pub fn stop(&self) {
        self.loader.stop();
    }

    /// Stops, and frees the memory that was kept for further batches. Tensors that were taken stay good.
    #[napi]
    pub fn close(&self) {
        self.loader.close();
    }

    #[napi(getter)]
    pub fn stats(&self) -> DataStats {
        let stats = self.loader.stats();
        let files = self.loader.dataset().decoded_files();
        DataStats {
            wait_seconds: stats.wait_seconds,
            read_seconds: stats.read_seconds,
            decode_seconds: stats.decode_seconds,
            transform_seconds: stats.transform_seconds,
            collate_seconds: stats.collate_seconds,
            images: stats.images as f64,
            batches: stats.batches as f64,
            failures: stats.failures as f64,
            cache_hits: files.map_or(0.0, |files| files.hits() as f64),
            cache_damaged: files.map_or(0.0, |files| files.damaged() as f64),
            cache_trouble: files.and_then(|files| files.trouble()),
        }
    }

    /// The first label that is neither one of `classes` classes nor `left_out`.
    #[napi]
    pub fn label_outside(&self, classes: u32, left_out: i64) -> Option<LabelOutside> {
        let found = self.loader.dataset().label_outside(i64::from(classes), left_out);
        found.map(|(name, source, label)| LabelOutside {
            name,
            source: source as u32,
            label: label as f64,
        })
    }

    /// The samples that could not be decoded so far.
    #[napi(getter)]
    pub fn failures(&self) -> Vec<FailedImage> {
        let failures = self.loader.dataset().failures().into_iter();
        failures
            .map(|failure| FailedImage {
                sample: failure.sample as f64,
                name: failure.name,
                reason: failure.reason,
            })
            .collect()
    }
}
