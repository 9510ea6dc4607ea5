//! Mixup (Zhang et al. 2018) and CutMix (Yun et al. 2019) of a batch with itself in reverse order.

use serde_json::{Map, Value};

use super::Rest;
use super::labels::id;
use crate::batch::{DType, Tensor};
use crate::error::{DataError, Result};
use crate::rng::Rng;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Mode {
    /// One mixture for the batch.
    Batch,
    /// One an image.
    Elem,
    /// One a pair of images.
    Pair,
}

#[derive(Debug, Clone)]
pub struct MixSettings {
    mixup_alpha: f64,
    cutmix_alpha: f64,
    cutmix_minmax: Option<(f64, f64)>,
    prob: f64,
    switch_prob: f64,
    mode: Mode,
    correct_lam: bool,
    label_smoothing: f64,
    num_classes: usize,
    /// `simclr` or `moco`: how the mixed copies are arranged.
    pub(super) method: Option<String>,
}

impl MixSettings {
    pub(super) fn read(params: &Map<String, Value>) -> Result<MixSettings> {
        let wrong = |key: &str, expected: &str| {
            DataError::usage(format!("cutmixup_collator: {key} must be {expected}"))
        };
        const KEYS: [&str; 10] = [
            "mixup_alpha",
            "cutmix_alpha",
            "cutmix_minmax",
            "prob",
            "switch_prob",
            "mode",
            "correct_lam",
            "label_smoothing",
            "num_classes",
            "ssl_method",
        ];
        if let Some(key) = params.keys().find(|key| !KEYS.contains(&key.as_str())) {
            return Err(
                DataError::usage(format!("cutmixup_collator: unknown parameter {key:?}"))
                    .fix(format!("parameters: {}", KEYS.join(", "))),
            );
        }
        let given = |key: &str| params.get(key).filter(|value| !value.is_null());
        let number = |key: &str, default: f64, most: f64| match given(key) {
            None => Ok(default),
            Some(value) => value
                .as_f64()
                .filter(|number| (0.0..=most).contains(number))
                .ok_or_else(|| wrong(key, &format!("a number in 0..{most}"))),
        };
        let minmax = match given("cutmix_minmax").map(Value::as_array) {
            None => None,
            Some(Some(list)) => match list
                .iter()
                .map(Value::as_f64)
                .collect::<Option<Vec<f64>>>()
                .as_deref()
            {
                Some([low, high]) if 0.0 <= *low && low <= high && *high <= 1.0 => Some((*low, *high)),
                _ => return Err(wrong("cutmix_minmax", "two rising numbers in 0..1")),
            },
            Some(None) => return Err(wrong("cutmix_minmax", "two rising numbers in 0..1")),
        };
        let mode = match given("mode").map(|value| value.as_str().unwrap_or_default()) {
            None | Some("batch") => Mode::Batch,
            Some("elem") => Mode::Elem,
            Some("pair") => Mode::Pair,
            _ => return Err(wrong("mode", "batch, elem or pair")),
        };
        let method = match given("ssl_method").map(|value| value.as_str().unwrap_or_default()) {
            None => None,
            Some(name @ ("simclr" | "moco")) => Some(name.to_owned()),
            _ => return Err(wrong("ssl_method", "simclr or moco")),
        };
        let correct = given("correct_lam").map(|value| {
            value
                .as_bool()
                .ok_or_else(|| wrong("correct_lam", "true or false"))
        });
        let num_classes = number("num_classes", 1000.0, f64::from(1 << 20))?;
        let settings = MixSettings {
            mixup_alpha: number("mixup_alpha", 1.0, 1e6)?,
            cutmix_alpha: if minmax.is_some() {
                1.0
            } else {
                number("cutmix_alpha", 1.0, 1e6)?
            },
            cutmix_minmax: minmax,
            prob: number("prob", 1.0, 1.0)?,
            switch_prob: number("switch_prob", 0.5, 1.0)?,
            mode,
            correct_lam: correct.transpose()?.unwrap_or(true),
            label_smoothing: number("label_smoothing", 0.1, 1.0)?,
            num_classes: num_classes as usize,
            method,
        };
        if settings.mixup_alpha == 0.0 && settings.cutmix_alpha == 0.0 {
            return Err(wrong("mixup_alpha or cutmix_alpha", "above 0"));
        }
        Ok(settings)
    }

    /// The share that an image keeps, and for CutMix the box that is replaced (top, left, bottom, right).
    fn draw(&self, height: usize, width: usize, rng: &mut Rng) -> (f64, Option<[usize; 4]>) {
        if !rng.chance(self.prob) {
            return (1.0, None);
        }
        let cut = self.cutmix_alpha > 0.0 && (self.mixup_alpha == 0.0 || rng.chance(self.switch_prob));
        if !cut {
            return (rng.beta(self.mixup_alpha, self.mixup_alpha), None);
        }
        let share = rng.beta(self.cutmix_alpha, self.cutmix_alpha);
        let area = match self.cutmix_minmax {
            Some((low, high)) => {
                let side = |size: usize, rng: &mut Rng| {
                    let (low, high) = ((size as f64 * low) as usize, (size as f64 * high) as usize);
                    (low + rng.below((high - low).max(1))).min(size)
                };
                let (h, w) = (side(height, rng), side(width, rng));
                let (top, left) = (rng.below(height - h + 1), rng.below(width - w + 1));
                [top, left, top + h, left + w]
            }
            None => {
                let ratio = (1.0 - share).sqrt();
                let (h, w) = ((height as f64 * ratio) as usize, (width as f64 * ratio) as usize);
                let (y, x) = (rng.below(height), rng.below(width));
                [
                    y.saturating_sub(h / 2),
                    x.saturating_sub(w / 2),
                    (y + h / 2).min(height),
                    (x + w / 2).min(width),
                ]
            }
        };
        let cut = (area[2] - area[0]) * (area[3] - area[1]);
        let share = if self.correct_lam || self.cutmix_minmax.is_some() {
            1.0 - cut as f64 / (height * width) as f64
        } else {
            share
        };
        (share, Some(area))
    }
}

/// Mixes the images of every copy with those of the reversed batch and appends the soft targets: (copies·)B×K.
pub(super) fn mix(
    settings: &MixSettings,
    tensors: &mut Vec<Tensor>,
    rest: &[Rest],
    rng: &mut Rng,
) -> std::result::Result<(), String> {
    let count = rest.len();
    if !count.is_multiple_of(2) {
        return Err(format!(
            "cutmixup_collator mixes pairs, and the batch has {count} samples; set DROP_LAST to true and \
             BATCHSIZE_PER_REPLICA to an even number"
        ));
    }
    let classes = settings.num_classes;
    let ids: std::result::Result<Vec<usize>, String> = rest
        .iter()
        .map(|item| {
            let label = id(item
                .label
                .first()
                .ok_or("cutmixup_collator takes labelled images")?)?;
            usize::try_from(label)
                .ok()
                .filter(|id| *id < classes)
                .ok_or_else(|| format!("label {label} is not in 0..{classes}"))
        })
        .collect();
    let ids = ids?;
    let mut targets: Vec<(String, Vec<f32>)> = Vec::new();
    for tensor in tensors.iter_mut() {
        let [.., channels, height, width] = tensor.shape[..] else {
            return Err("cutmixup_collator takes images".to_owned());
        };
        let stride = if tensor.channels_last { channels } else { 1 };
        let elements = channels * height * width;
        let copies = tensor
            .buffer
            .as_mut_slice::<f32>()
            .chunks_exact_mut((elements * count).max(1));
        let mut soft = Vec::new();
        for copy in copies {
            let mut drawn = Vec::with_capacity(count);
            for i in 0..count {
                drawn.push(match settings.mode {
                    Mode::Batch if i > 0 => drawn[0],
                    Mode::Pair if i >= count / 2 => drawn[count - 1 - i],
                    _ => settings.draw(height, width, rng),
                });
            }
            for i in 0..count / 2 {
                let j = count - 1 - i;
                let (head, tail) = copy.split_at_mut(j * elements);
                let (one, other) = (&mut head[i * elements..(i + 1) * elements], &mut tail[..elements]);
                for (at, (a, b)) in one.iter_mut().zip(other).enumerate() {
                    let pixel = at / stride % (height * width);
                    let (y, x) = (pixel / width, pixel % width);
                    let (old_a, old_b) = (*a, *b);
                    *a = mixed(drawn[i], y, x, old_a, old_b);
                    *b = mixed(drawn[j], y, x, old_b, old_a);
                }
            }
            let off = settings.label_smoothing / classes as f64;
            let on = 1.0 - settings.label_smoothing + off;
            for (i, (share, _)) in drawn.iter().enumerate() {
                let value = |class: usize, k: usize| if class == k { on } else { off };
                let (own, other) = (ids[i], ids[count - 1 - i]);
                soft.extend(
                    (0..classes).map(|k| (share * value(own, k) + (1.0 - share) * value(other, k)) as f32),
                );
            }
        }
        targets.push((tensor.name.replacen("data", "label", 1), soft));
    }
    for (name, soft) in targets {
        let mut tensor = Tensor::new(name, DType::Float32, vec![soft.len() / classes, classes]);
        tensor.buffer.as_mut_slice::<f32>().copy_from_slice(&soft);
        tensors.push(tensor);
    }
    Ok(())
}

fn mixed((share, area): (f64, Option<[usize; 4]>), y: usize, x: usize, own: f32, other: f32) -> f32 {
    match area {
        None if share == 1.0 => own,
        None => own * share as f32 + other * (1.0 - share) as f32,
        Some([top, left, bottom, right]) => {
            if (top..bottom).contains(&y) && (left..right).contains(&x) {
                other
            } else {
                own
            }
        }
    }
}
