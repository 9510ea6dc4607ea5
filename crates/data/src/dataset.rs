use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

use crate::batch::Batch;
use crate::cache::Cache;
use crate::collate::Collator;
use crate::decode::{DecodeError, DecodeOptions, decode};
use crate::decoded_files::DecodedFiles;
use crate::entry::{Entry, Label, Sample};
use crate::error::{DataError, Result};
use crate::failures::{Failure, Failures};
use crate::image::Image;
use crate::jpeg;
use crate::label::Labels;
use crate::pool::Pool;
use crate::rng::{Place, Rng};
use crate::sampler::{Order, SamplerKind, Sharding};
use crate::script::{self, Queue};
use crate::source::{self, Raw, Source};
use crate::spec::{LabelType, LoaderSpec};
use crate::times::{Part, Times};
use crate::transform::color::to_gray;
use crate::transform::{Plan, Scripts};

/// How many earlier samples are tried in place of one that cannot be decoded.
const REPLACEMENTS: usize = 4;
/// An image of more pixels does not stand in for another one.
const LARGEST_REPLACEMENT: usize = 10_000_000;

/// Samples of one or more sources, transformed and collated; what the threads of a [`crate::run::Run`] share.
pub struct Dataset {
    pub spec: LoaderSpec,
    pub sources: Vec<Box<dyn Source>>,
    labels: Vec<Labels>,
    plan: Plan,
    collator: Collator,
    /// Samples that a data limit drew, by position; without it position and sample are one.
    subset: Option<Vec<u32>>,
    len: usize,
    decode: DecodeOptions,
    cache: Cache,
    files: Option<DecodedFiles>,
    scripts: Option<Arc<Queue>>,
    /// Memory of batches that were let go.
    pub(crate) pool: Pool,
    failures: Failures,
    pub times: Times,
    pub(crate) images: AtomicU64,
    pub(crate) batches: AtomicU64,
}

impl Dataset {
    /// # Errors
    /// A source or label list cannot be opened, the transform list is wrong, or not one batch would come out.
    pub fn open(spec: LoaderSpec) -> Result<Dataset> {
        let plan = Plan::compile(&spec.transforms, spec.sources.len(), spec.channels)?;
        let collator = Collator::new(&spec.collate, &spec.collate_params)?;
        let sources: Vec<Box<dyn Source>> = spec.sources.iter().map(source::open).collect::<Result<_>>()?;
        let total = sources[0].len();
        if let Some(at) = sources.iter().position(|source| source.len() != total) {
            return Err(DataError::data(format!(
                "data source {at} has {} images, and the first one has {total}",
                sources[at].len()
            ))
            .fix("sources of one split hold corresponding images: give lists of equal length"));
        }
        let labels: Vec<Labels> = spec
            .labels
            .iter()
            .map(|labels| Labels::open(labels, &sources))
            .collect::<Result<_>>()?;
        let limit = usize::try_from(spec.data_limit).unwrap_or(0);
        let subset = match spec.subset {
            Some(subset) if spec.data_limit > 0 => {
                Some(subset.draw(total, limit, |index| match labels.first() {
                    None => sources[0].label(index),
                    Some(labels) => match labels.get(index, &sources) {
                        Label::Id(id) => Some(id),
                        _ => None,
                    },
                })?)
            }
            _ => None,
        };
        let len = match (&subset, limit) {
            (Some(subset), _) => subset.len(),
            (None, 0) => total,
            (None, limit) => total.min(limit),
        };
        let scripts = spec.scripts.and_then(script::find);
        if plan.has_scripts() && scripts.is_none() {
            return Err(DataError::internal(
                "TRANSFORMS: nothing runs what is written in TypeScript",
            ));
        }
        let decode = DecodeOptions {
            max_pixels: spec.max_pixels,
            exif_orientation: spec.exif_orientation,
        };
        let dataset = Dataset {
            cache: Cache::new(spec.cache_bytes),
            files: spec
                .cache_folder
                .as_deref()
                .map(|folder| DecodedFiles::open(folder, spec.cache_folder_bytes)),
            // A batch is let go about when another one is begun: what two are made of suffices.
            pool: Pool::new(2 * plan.views(), spec.prefetch_bytes),
            times: Times::new(&spec.name),
            spec,
            sources,
            labels,
            plan,
            collator,
            subset,
            len,
            decode,
            scripts,
            failures: Failures::new(),
            images: AtomicU64::new(0),
            batches: AtomicU64::new(0),
        };
        let sharding = dataset.sharding();
        if matches!(sharding.kind, SamplerKind::Distributed | SamplerKind::Stateful) && len > 1 << 24 {
            // Too large a table is an error of now, not of the first epoch.
            dataset.order(0)?;
        } else {
            Sharding { len: 0, ..sharding }.order(0)?;
        }
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

    /// Names of the classes of the first labels.
    pub fn classes(&self) -> &[String] {
        match self.labels.first() {
            Some(labels) => labels.classes(&self.sources),
            None => self.sources[0].classes(),
        }
    }

    /// Whether samples have labels of their own.
    pub fn is_labelled(&self) -> bool {
        match self.labels.first() {
            Some(Labels::Source(source)) => self.sources[*source].label(0).is_some(),
            Some(_) => true,
            None => self.sources[0].label(0).is_some(),
        }
    }

    fn sharding(&self) -> Sharding {
        Sharding {
            kind: self.spec.sampler,
            len: self.len,
            rank: self.spec.rank,
            world: self.spec.world,
            drop_tail: self.spec.drop_last,
            seed: self.spec.seed,
        }
    }

    /// The order of an epoch.
    pub fn order(&self, epoch: u64) -> Result<Order> {
        self.sharding().order(epoch)
    }

    /// An epoch in an order that the caller has drawn.
    pub fn given_order(&self, samples: Vec<u32>) -> Result<Order> {
        Order::given(self.sharding(), samples)
    }

    pub fn batches_per_epoch(&self) -> usize {
        self.batches_of(self.sharding().samples_per_rank())
    }

    /// The batches that `samples` samples of a process make.
    pub fn batches_of(&self, samples: usize) -> usize {
        if self.spec.drop_last {
            samples / self.spec.batch_size
        } else {
            samples.div_ceil(self.spec.batch_size)
        }
    }

    /// The samples that could not be decoded so far, by index.
    pub fn failures(&self) -> Vec<Failure> {
        self.failures.all()
    }

    pub(crate) fn failure_count(&self) -> usize {
        self.failures.count()
    }

    /// The index within the sources of the sample at `position`.
    fn original(&self, sample: usize) -> usize {
        match &self.subset {
            Some(subset) => subset[sample] as usize,
            None => sample,
        }
    }

    fn read(&self, source: usize, sample: usize) -> std::result::Result<Arc<Image>, DecodeError> {
        let index = self.original(sample);
        if let Some(image) = self.cache.get(source, index) {
            return Ok(image);
        }
        let stored = self.files.as_ref().and_then(|files| {
            let (path, offset) = self.sources[source].place(index)?;
            // Pixels differ between decoders, and may between versions of this one.
            let how = format!(
                "{} {} exif {} channels {}",
                jpeg::DECODER,
                env!("CARGO_PKG_VERSION"),
                self.decode.exif_orientation,
                self.spec.channels
            );
            Some((files, files.key(&path, offset, &how)?))
        });
        if let Some((files, key)) = &stored
            && let Some(image) = self.times.measure(Part::Read, || files.get(key))
            && image.width.saturating_mul(image.height) <= self.decode.max_pixels
        {
            let image = Arc::new(image);
            self.cache.put(source, index, &image);
            return Ok(image);
        }
        let raw = self
            .times
            .measure(Part::Read, || self.sources[source].load(index))?;
        let image = match raw {
            Raw::Decoded(image) => image,
            Raw::Encoded(bytes) => self.times.measure(Part::Decode, || decode(&bytes, self.decode))?,
        };
        let wants_gray = self.spec.channels == 1 && image.channels == 3;
        let image = Arc::new(if wants_gray { to_gray(&image) } else { image });
        self.cache.put(source, index, &image);
        if let Some((files, key)) = &stored {
            files.put(key, &image);
        }
        Ok(image)
    }

    /// What became of the folder of decoded images, where there is one.
    pub fn decoded_files(&self) -> Option<&DecodedFiles> {
        self.files.as_ref()
    }

    /// The first sample with a label that is neither one of `classes` classes nor the one that is left out: the
    /// sample's name, the position of its label source, and the label. Labels that are lists are not looked at.
    pub fn label_outside(&self, classes: i64, left_out: i64) -> Option<(String, usize, i64)> {
        if self.spec.label_type != LabelType::Standard {
            return None;
        }
        (0..self.len).find_map(|sample| {
            let labels = self.labels_of(sample);
            let outside = labels.iter().enumerate().find_map(|(at, label)| match label {
                Label::Id(id) if *id != left_out && !(0..classes).contains(id) => Some((at, *id)),
                _ => None,
            });
            outside.map(|(at, id)| (self.sources[0].name(self.original(sample)), at, id))
        })
    }

    /// The image of a sample and whether it is a real one.
    fn image(&self, source: usize, position: usize, order: &Order, epoch: u64) -> Result<(Arc<Image>, bool)> {
        let sample = order.get(position);
        let error = match self.read(source, sample) {
            Ok(image) => return Ok((image, true)),
            Err(error) => error,
        };
        let failure = Failure {
            sample,
            name: self.sources[source].name(self.original(sample)),
            reason: error.to_string(),
        };
        self.failures
            .note(source, failure, self.len, self.spec.max_failed)?;
        if self.spec.replace_failed && position > 0 {
            // Of the samples that this rank sees earlier in the epoch, so that it depends on no other thread.
            let mut rng = Rng::at(Place {
                sample: sample as u64,
                view: 1023,
                step: 1023,
                ..self.place(epoch)
            });
            for _ in 0..REPLACEMENTS {
                let earlier = order.get(rng.below(position));
                match self.read(source, earlier) {
                    Ok(image) if image.width * image.height <= LARGEST_REPLACEMENT => {
                        return Ok((image, true));
                    }
                    _ => {}
                }
            }
        }
        let side = self.spec.gray_size;
        Ok((Arc::new(Image::filled(side, side, 1, 128)), false))
    }

    fn place(&self, epoch: u64) -> Place {
        Place {
            seed: self.spec.seed,
            epoch: epoch as u32,
            ..Place::default()
        }
    }

    fn labels_of(&self, sample: usize) -> Vec<Label> {
        let index = self.original(sample);
        match self.spec.label_type {
            LabelType::Standard if self.labels.is_empty() => {
                let label = |source: &dyn Source| Label::Id(source.label(index).unwrap_or(-1));
                self.sources.iter().map(|source| label(source.as_ref())).collect()
            }
            LabelType::Standard => self
                .labels
                .iter()
                .map(|labels| labels.get(index, &self.sources))
                .collect(),
            LabelType::SampleIndex => vec![Label::Id(sample as i64); self.sources.len()],
            LabelType::Zero => vec![Label::Id(0); self.sources.len()],
        }
    }

    /// Makes batch `index` of the positions `positions` of an order. `None` when `stop` was raised meanwhile.
    pub(crate) fn make_batch(
        &self,
        index: usize,
        positions: std::ops::Range<usize>,
        order: &Order,
        epoch: u64,
        stop: &AtomicBool,
    ) -> Result<Option<Batch>> {
        // A batch's own stream lies beside those of the samples, which have no such number.
        let stream = Rng::at(Place {
            sample: u64::MAX - index as u64,
            ..self.place(epoch)
        });
        let failed = |text: String| DataError::data(format!("batch {index}: {text}"));
        let mut collation = self
            .collator
            .begin(positions.len(), self.spec.channels_last, stream, &self.pool)
            .map_err(failed)?;
        let scripts = self.scripts.as_deref().map(|queue| queue as &dyn Scripts);
        for position in positions {
            if stop.load(Ordering::Relaxed) {
                return Ok(None);
            }
            let sample = order.get(position);
            let mut item = Sample {
                label: self.labels_of(sample),
                data_idx: vec![sample as i64; self.sources.len()],
                ..Sample::default()
            };
            for source in 0..self.sources.len() {
                let (image, is_real) = self.image(source, position, order, epoch)?;
                item.data.push(Entry::Picture(image));
                item.data_valid.push(if is_real { 1 } else { -1 });
            }
            let place = Place {
                sample: sample as u64,
                ..self.place(epoch)
            };
            let named = |text: String| {
                DataError::data(format!("{}: {text}", self.sources[0].name(self.original(sample))))
            };
            let transform = || self.plan.run(&mut item, place, scripts);
            self.times.measure(Part::Transform, transform).map_err(named)?;
            self.times
                .measure(Part::Collate, || collation.add(item))
                .map_err(named)?;
        }
        self.times
            .measure(Part::Collate, || collation.finish(index))
            .map(Some)
            .map_err(failed)
    }
}
