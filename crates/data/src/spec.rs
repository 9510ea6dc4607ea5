use serde::Deserialize;
use serde_json::{Map, Value};

use crate::decode::DecodeOptions;
use crate::error::{DataError, Result};
use crate::label::LabelSpec;
use crate::sampler::SamplerKind;
pub use crate::source::SourceSpec;
use crate::subset::SubsetSpec;

#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum LabelType {
    /// One label a label source; without label sources, those of the data sources.
    Standard,
    /// The index of the sample.
    SampleIndex,
    /// 0.
    Zero,
}

/// All that a loader is made of; arrives as JSON.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct LoaderSpec {
    /// What it is called in traces.
    #[serde(default)]
    pub name: String,
    pub sources: Vec<SourceSpec>,
    #[serde(default)]
    pub labels: Vec<LabelSpec>,
    /// As in the configuration: `[{"name": …, …parameters}, …]`.
    pub transforms: Vec<Value>,
    #[serde(default = "default_collate")]
    pub collate: String,
    #[serde(default)]
    pub collate_params: Map<String, Value>,
    #[serde(default = "standard")]
    pub label_type: LabelType,
    pub batch_size: usize,
    #[serde(default)]
    pub drop_last: bool,
    /// Keep the first so many samples; 0 or less keeps all.
    #[serde(default)]
    pub data_limit: i64,
    /// Draw them rather than take the first ones.
    #[serde(default)]
    pub subset: Option<SubsetSpec>,
    #[serde(default)]
    pub seed: u64,
    #[serde(default = "distributed")]
    pub sampler: SamplerKind,
    #[serde(default)]
    pub rank: usize,
    #[serde(default = "one")]
    pub world: usize,
    /// Threads that prepare batches; 0 prepares each one when it is asked for.
    #[serde(default)]
    pub workers: usize,
    /// Batches that may lie ready; 0 means two a worker.
    #[serde(default)]
    pub prefetch: usize,
    /// Bytes of batches that may lie ready; the next one to be taken is always made.
    #[serde(default = "prefetch_bytes")]
    pub prefetch_bytes: usize,
    /// 3 or 1: what the image tensors have.
    #[serde(default = "three")]
    pub channels: usize,
    /// Images lie in memory as N×H×W×C; the shape stays N×C×H×W.
    #[serde(default)]
    pub channels_last: bool,
    /// Side of the gray image that stands in for one that cannot be decoded.
    #[serde(default = "gray_size")]
    pub gray_size: usize,
    /// The loader stops with an error when more than this part of the samples cannot be decoded.
    #[serde(default = "tenth")]
    pub max_failed: f64,
    /// An image that cannot be decoded is replaced by another one that the rank saw before it in the epoch.
    #[serde(default)]
    pub replace_failed: bool,
    #[serde(default = "yes")]
    pub exif_orientation: bool,
    /// Images with more pixels are refused.
    #[serde(default = "max_pixels")]
    pub max_pixels: usize,
    /// Bytes of decoded images to keep; 0 keeps none.
    #[serde(default)]
    pub cache_bytes: usize,
    /// Folder of decoded images that outlive the process; none without it.
    #[serde(default)]
    pub cache_folder: Option<std::path::PathBuf>,
    /// Bytes that the files of that folder may have together.
    #[serde(default)]
    pub cache_folder_bytes: u64,
    /// Number of the queue of transforms that are written in another language.
    #[serde(default)]
    pub scripts: Option<u64>,
}

fn default_collate() -> String {
    "default_collate".to_owned()
}
fn yes() -> bool {
    true
}
fn prefetch_bytes() -> usize {
    1 << 30
}
fn max_pixels() -> usize {
    DecodeOptions::default().max_pixels
}
fn standard() -> LabelType {
    LabelType::Standard
}
fn distributed() -> SamplerKind {
    SamplerKind::Distributed
}
fn one() -> usize {
    1
}
fn three() -> usize {
    3
}
fn gray_size() -> usize {
    224
}
fn tenth() -> f64 {
    0.1
}

impl LoaderSpec {
    /// # Errors
    /// The text is no JSON, has unknown or missing keys, or values out of range.
    pub fn parse(json: &str) -> Result<Self> {
        let spec: LoaderSpec =
            serde_json::from_str(json).map_err(|error| DataError::usage(format!("data loader: {error}")))?;
        let check = |good: bool, what: &str| {
            if good {
                Ok(())
            } else {
                Err(DataError::usage(format!("data loader: {what}")))
            }
        };
        check(
            (1..=64).contains(&spec.sources.len()),
            "the number of data sources is not in 1..64",
        )?;
        check(
            (1..=1 << 20).contains(&spec.batch_size),
            "the batch size is not in 1..1048576",
        )?;
        check(
            spec.channels == 1 || spec.channels == 3,
            "channels is neither 1 nor 3",
        )?;
        check(spec.workers <= 256, "there are more than 256 workers")?;
        check(spec.prefetch <= 4096, "prefetch is more than 4096")?;
        check(
            (1..=16_384).contains(&spec.gray_size),
            "the side of the gray image is not in 1..16384",
        )?;
        check(
            (0.0..=1.0).contains(&spec.max_failed),
            "the tolerated part of failures is not in 0..1",
        )?;
        Ok(spec)
    }
}
