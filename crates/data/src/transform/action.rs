//! What one entry of a transform list does to a sample, as the configuration writes it.

use std::path::Path;
use std::sync::Arc;

use super::geometry::ResizedCrop;
use super::params::Params;
use super::patches::Grid;
use super::step::Step;
use crate::entry::Tables;
use crate::error::Result;
use crate::npy;

#[derive(Debug, Clone)]
pub enum Action {
    Step(Step),
    /// A picture becomes a tensor; with `lab` its Lab picture does.
    Tensor {
        lab: bool,
        tables: Arc<Tables>,
    },
    Normalize {
        mean: Vec<f32>,
        std: Vec<f32>,
    },
    Erase(Erasing),
    /// Patches of a tensor, column by column.
    Cut(Grid),
    /// Patches in the order of a random row; the row becomes the label.
    Shuffle(Arc<Vec<Vec<usize>>>),
    /// A turn by a random multiple of 360°/n; the multiple becomes the label.
    Rotate(usize),
    Replicate(usize),
    MultiCrop(Vec<ResizedCrop>),
    ImageAndPatches {
        image: ResizedCrop,
        patches: ResizedCrop,
        grid: Grid,
    },
    /// One probability an entry; all of the steps or none.
    Group(Vec<f64>, Vec<Step>),
    OneHot(usize),
    /// A transform that runs outside of this engine.
    Script(usize),
}

#[derive(Debug, Clone, PartialEq)]
pub struct Erasing {
    pub p: f64,
    pub scale: (f64, f64),
    pub ratio: (f64, f64),
    pub value: Erasure,
}

#[derive(Debug, Clone, PartialEq)]
pub enum Erasure {
    Values(Vec<f32>),
    /// Normally distributed.
    Noise,
}

/// Names that are no [`Step`].
pub const NAMES: [&str; 16] = [
    "ImgPatchesFromTensor",
    "ImgPil2LabTensor",
    "ImgPilMultiCropRandomApply",
    "ImgPilToMultiCrop",
    "ImgPilToPatchesAndImage",
    "ImgPilToRawTensor",
    "ImgPilToTensor",
    "ImgReplicatePil",
    "ImgRotatePil",
    "ImgToTensor",
    "Normalize",
    "OneHotEncode",
    "RandomErasing",
    "ShuffleImgPatches",
    "ToTensor",
    "TypeScript",
];

impl Action {
    /// Reads an entry called `name`, one of [`NAMES`] or of the steps'. `channels`: of the tensors.
    pub fn read(name: &str, params: &mut Params<'_>, channels: usize) -> Result<Action> {
        let tables = |function: fn(usize, f32) -> f32| {
            let table = |c: usize| std::array::from_fn(|value| function(c, value as f32));
            Arc::new((0..channels).map(table).collect::<Tables>())
        };
        Ok(match name {
            "ToTensor" | "ImgToTensor" | "ImgPilToTensor" => Action::Tensor {
                lab: false,
                tables: tables(|_, value| value / 255.0),
            },
            "ImgPilToRawTensor" => Action::Tensor {
                lab: false,
                tables: tables(|_, value| value),
            },
            "ImgPil2LabTensor" if channels != 3 => {
                return Err(params.error("makes three channels, and the tensors have one"));
            }
            "ImgPil2LabTensor" => Action::Tensor {
                lab: true,
                tables: tables(|c, value| {
                    if c == 0 {
                        value * (100.0 / 255.0) - 50.0
                    } else {
                        value - 128.0
                    }
                }),
            },
            "Normalize" => read_normalize(params, channels)?,
            "RandomErasing" => Action::Erase(read_erasing(params, channels)?),
            "ImgPatchesFromTensor" => Action::Cut(read_grid(params, true)?),
            "ShuffleImgPatches" => Action::Shuffle(Arc::new(read_permutations(params)?)),
            "ImgRotatePil" => {
                if params.count("num_rotations_per_img", 1)? != 1 {
                    return Err(params.error("num_rotations_per_img must be 1"));
                }
                Action::Rotate(params.count("num_angles", 4)?)
            }
            "ImgReplicatePil" => Action::Replicate(params.count("num_times", 2)?),
            "ImgPilToMultiCrop" => Action::MultiCrop(read_multi_crop(params)?),
            "ImgPilToPatchesAndImage" => {
                let side = |params: &mut Params<'_>, key, default| -> Result<usize> {
                    Ok(params.integer(key, 1, 16_384)?.unwrap_or(default) as usize)
                };
                let image = side(params, "crop_size_image", 224)?;
                let patches = side(params, "crop_size_patches", 255)?;
                // The reference permutes whatever this says.
                params.flag("permute_patches", true)?;
                Action::ImageAndPatches {
                    image: ResizedCrop::square(image, params.range("crop_scale_image", (0.08, 1.0))?),
                    patches: ResizedCrop::square(patches, params.range("crop_scale_patches", (0.6, 1.0))?),
                    grid: read_grid(params, false)?,
                }
            }
            "ImgPilMultiCropRandomApply" => {
                let steps = Step::read_list(params)?;
                let probabilities = params
                    .numbers("prob")?
                    .ok_or_else(|| params.error("prob is missing"))?;
                if probabilities.iter().any(|p| !(0.0..=1.0).contains(p)) {
                    return Err(params.error("prob must hold probabilities in 0..1"));
                }
                Action::Group(probabilities, steps)
            }
            "OneHotEncode" => {
                Action::OneHot(params.integer("num_classes", 1, 1 << 20)?.unwrap_or(1000) as usize)
            }
            "TypeScript" => {
                let id = params.integer("script", 0, 1022)?;
                Action::Script(id.ok_or_else(|| params.error("script is missing"))? as usize)
            }
            _ => Action::Step(Step::read(name, params)?),
        })
    }
}

fn read_normalize(params: &mut Params<'_>, channels: usize) -> Result<Action> {
    params.ignore("inplace");
    let mut numbers = |key: &'static str| -> Result<Vec<f32>> {
        let values = params
            .numbers(key)?
            .ok_or_else(|| params.error(format!("{key} is missing")))?;
        if values.len() != channels && values.len() != 1 {
            return Err(params.error(format!(
                "{key} has {} values for {channels} channels",
                values.len()
            )));
        }
        Ok((0..channels)
            .map(|c| values[c.min(values.len() - 1)] as f32)
            .collect())
    };
    let (mean, std) = (numbers("mean")?, numbers("std")?);
    if std.contains(&0.0) {
        return Err(params.error("std is 0"));
    }
    Ok(Action::Normalize { mean, std })
}

fn read_erasing(params: &mut Params<'_>, channels: usize) -> Result<Erasing> {
    let value = match params.text("value") {
        Ok(Some("random")) => Erasure::Noise,
        Ok(Some(other)) => {
            return Err(params.error(format!("value must be \"random\" or numbers, not {other:?}")));
        }
        Ok(None) => Erasure::Values(vec![0.0]),
        Err(_) => {
            let values = match params.numbers("value") {
                Ok(list) => list.unwrap_or_default(),
                Err(_) => vec![params.number("value", 0.0)?],
            };
            if values.len() != channels && values.len() != 1 {
                return Err(params.error(format!(
                    "value has {} numbers for {channels} channels",
                    values.len()
                )));
            }
            Erasure::Values(values.into_iter().map(|value| value as f32).collect())
        }
    };
    params.ignore("inplace");
    Ok(Erasing {
        p: params.probability("p", 0.5)?,
        scale: params.range("scale", (0.02, 0.33))?,
        ratio: params.range("ratio", (0.3, 3.3))?,
        value,
    })
}

fn read_grid(params: &mut Params<'_>, with_jitter: bool) -> Result<Grid> {
    let count = params.count("num_patches", 9)?;
    let side = count.isqrt();
    if side * side != count {
        return Err(params.error(format!("num_patches must be a square, not {count}")));
    }
    let jitter = if with_jitter {
        params.count("patch_jitter", 21)?
    } else {
        21
    };
    Ok(Grid { side, jitter })
}

fn read_permutations(params: &mut Params<'_>) -> Result<Vec<Vec<usize>>> {
    let path = params
        .text("perm_file")?
        .ok_or_else(|| params.error("perm_file is missing"))?;
    if path.contains("://") {
        return Err(params
            .error(format!("perm_file is an address: {path}"))
            .fix("download it and give the path of the file"));
    }
    let (shape, values) = npy::integers(Path::new(path)).map_err(|error| params.error(error))?;
    let [_, length] = shape[..] else {
        return Err(params.error(format!(
            "{path}: shape {shape:?} is not that of a table of permutations"
        )));
    };
    let base = values.iter().copied().min().unwrap_or(0).clamp(0, 1);
    let rows: Vec<Vec<usize>> = values
        .chunks_exact(length.max(1))
        .map(|row| row.iter().map(|value| (*value - base).max(0) as usize).collect())
        .collect();
    for (at, row) in rows.iter().enumerate() {
        let mut seen = vec![false; length];
        let whole = row
            .iter()
            .all(|value| *value < length && !std::mem::replace(&mut seen[*value], true));
        if !whole {
            return Err(params.error(format!("{path}: row {at} is no permutation of {length} patches")));
        }
    }
    if rows.is_empty() {
        return Err(params.error(format!("{path}: holds no permutation")));
    }
    Ok(rows)
}

fn read_multi_crop(params: &mut Params<'_>) -> Result<Vec<ResizedCrop>> {
    let total = params.integer("total_num_crops", 1, 512)?;
    let counts = params.numbers("num_crops")?.unwrap_or_default();
    let sizes = params.numbers("size_crops")?.unwrap_or_default();
    let scales = params.list("crop_scales")?.unwrap_or_default();
    if counts.is_empty() || counts.len() != sizes.len() || counts.len() != scales.len() {
        return Err(params.error(format!(
            "num_crops, size_crops and crop_scales must have one value a group of crops, not {}, {} and {}",
            counts.len(),
            sizes.len(),
            scales.len()
        )));
    }
    let mut crops = Vec::new();
    for ((count, size), scale) in counts.iter().zip(&sizes).zip(scales) {
        let scale = match scale.as_array().map(Vec::as_slice) {
            Some([low, high]) => low.as_f64().zip(high.as_f64()),
            _ => None,
        };
        let scale = scale
            .filter(|(low, high)| *low > 0.0 && low <= high)
            .ok_or_else(|| params.error("crop_scales must be pairs of positive numbers in rising order"))?;
        if count.fract() != 0.0 || !(1.0..=512.0).contains(count) {
            return Err(params.error(format!(
                "num_crops must be whole numbers from 1 to 512, not {count}"
            )));
        }
        if size.fract() != 0.0 || !(1.0..=16_384.0).contains(size) {
            return Err(params.error(format!(
                "size_crops must be whole numbers from 1 to 16384, not {size}"
            )));
        }
        crops.extend((0..*count as usize).map(|_| ResizedCrop::square(*size as usize, scale)));
    }
    match total {
        Some(total) if total as usize == crops.len() => Ok(crops),
        Some(total) => Err(params.error(format!(
            "total_num_crops is {total}, and num_crops sum to {}",
            crops.len()
        ))),
        None => Err(params.error("total_num_crops is missing")),
    }
}
