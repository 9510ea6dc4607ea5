use serde::Deserialize;
use serde_json::Value;

use crate::error::{DataError, Result};
use crate::sampler::SamplerKind;
use crate::source::folder::FolderOptions;
use crate::source::idx::IdxOptions;
use crate::source::shapes::ShapesOptions;
use crate::source::synthetic::SyntheticOptions;

#[derive(Debug, Clone, Deserialize)]
#[serde(tag = "type", rename_all = "snake_case")]
pub enum SourceSpec {
    DiskFolder(FolderOptions),
    Idx(IdxOptions),
    Synthetic(SyntheticOptions),
    Shapes(ShapesOptions),
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Collate {
    /// One tensor a view: `data.0` … B×C×H×W, and labels likewise.
    DefaultCollate,
    /// One tensor of all views, view by view: (N·B)×C×H×W.
    SimclrCollator,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum LabelType {
    /// The label of the source.
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
    pub sources: Vec<SourceSpec>,
    /// As in the configuration: `[{"name": …, …parameters}, …]`.
    pub transforms: Vec<Value>,
    #[serde(default = "default_collate")]
    pub collate: Collate,
    #[serde(default = "standard")]
    pub label_type: LabelType,
    pub batch_size: usize,
    #[serde(default)]
    pub drop_last: bool,
    /// Keep the first so many samples; 0 or less keeps all.
    #[serde(default)]
    pub data_limit: i64,
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
}

fn default_collate() -> Collate {
    Collate::DefaultCollate
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
            spec.sources.len() == 1,
            "exactly one data source can be read at a time",
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
