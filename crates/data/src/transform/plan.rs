use std::borrow::Cow;

use serde_json::Value;

use super::params::Params;
use super::step::{Jitter, Step};
use crate::error::{DataError, Result};
use crate::image::Image;
use crate::rng::{Place, Rng};

/// Every name of a transform list. Names in `snake_case` are accepted too.
pub const NAMES: [&str; 16] = [
    "CenterCrop",
    "ColorJitter",
    "ImgPilColorDistortion",
    "ImgPilGaussianBlur",
    "ImgPilRandomColorJitter",
    "ImgPilRandomSolarize",
    "ImgPilToRawTensor",
    "ImgReplicatePil",
    "ImgToTensor",
    "Normalize",
    "RandomCrop",
    "RandomGrayscale",
    "RandomHorizontalFlip",
    "RandomResizedCrop",
    "Resize",
    "ToTensor",
];

/// A transform list, checked and typed: steps on the image, copies, steps on each copy, and a table that takes an
/// 8-bit value to the float that stands in the tensor.
#[derive(Debug, Clone)]
pub struct Plan {
    steps: Vec<(usize, Step)>,
    /// How many of `steps` come before the copies are made.
    shared: usize,
    views: usize,
    /// One table a channel.
    tables: Vec<[f32; 256]>,
}

impl Plan {
    /// # Errors
    /// An entry has an unknown name or parameter or a value of the wrong kind, or stands where it cannot: the
    /// message names index and transform, the fix lists the choices.
    pub fn compile(list: &[Value], channels: usize) -> Result<Plan> {
        let mut plan = Plan {
            steps: Vec::new(),
            shared: 0,
            views: 1,
            tables: Vec::new(),
        };
        let mut copied = false;
        if list.len() > 1023 {
            return Err(DataError::usage("TRANSFORMS: more than 1023 entries"));
        }
        for (index, entry) in list.iter().enumerate() {
            let values = entry.as_object().ok_or_else(|| {
                DataError::usage(format!(
                    "TRANSFORMS[{index}]: must be a mapping with a name, not {entry}"
                ))
            })?;
            let given = values.get("name").and_then(Value::as_str).ok_or_else(|| {
                DataError::usage(format!("TRANSFORMS[{index}]: has no name"))
                    .fix(format!("names: {}", NAMES.join(", ")))
            })?;
            let name = NAMES
                .into_iter()
                .find(|name| *name == given || *name == camel_case(given))
                .ok_or_else(|| {
                    DataError::usage(format!(
                        "TRANSFORMS[{index}]: there is no transform named {given:?}"
                    ))
                    .fix(format!("names: {}", NAMES.join(", ")))
                })?;
            let mut params = Params::new(index, name, values);
            let tensor = !plan.tables.is_empty();
            match name {
                "Normalize" => plan.normalize(&mut params)?,
                "ToTensor" | "ImgToTensor" | "ImgPilToRawTensor" if tensor => {
                    return Err(params.error("the image is a tensor already"));
                }
                "ToTensor" | "ImgToTensor" => plan.make_tensor(channels, 255.0),
                "ImgPilToRawTensor" => plan.make_tensor(channels, 1.0),
                _ if tensor => {
                    return Err(params
                        .error("works on images and stands after the step that makes a tensor")
                        .fix("move it before ToTensor"));
                }
                "ImgReplicatePil" if copied => return Err(params.error("copies can be made once")),
                "ImgReplicatePil" => {
                    plan.views = params.count("num_times", 2)?;
                    plan.shared = plan.steps.len();
                    copied = true;
                }
                _ => {
                    let step = read_step(name, &mut params)?;
                    plan.steps.push((index, step));
                }
            }
            params.finish()?;
        }
        if plan.tables.is_empty() {
            return Err(
                DataError::usage("TRANSFORMS: nothing turns the image into a tensor").fix("add ToTensor"),
            );
        }
        if !copied {
            plan.shared = plan.steps.len();
        }
        Ok(plan)
    }

    fn make_tensor(&mut self, channels: usize, divisor: f32) {
        let mut table = [0f32; 256];
        for (value, entry) in table.iter_mut().enumerate() {
            *entry = value as f32 / divisor;
        }
        self.tables = vec![table; channels];
    }

    fn normalize(&mut self, params: &mut Params<'_>) -> Result<()> {
        params.ignore("inplace");
        let mean = params
            .numbers("mean")?
            .ok_or_else(|| params.error("mean is missing"))?;
        let std = params
            .numbers("std")?
            .ok_or_else(|| params.error("std is missing"))?;
        if self.tables.is_empty() {
            return Err(params.error("works on tensors").fix("put ToTensor before it"));
        }
        let channels = self.tables.len();
        for (what, values) in [("mean", &mean), ("std", &std)] {
            if values.len() != channels && values.len() != 1 {
                return Err(params.error(format!(
                    "{what} has {} values for {channels} channels",
                    values.len()
                )));
            }
        }
        if std.contains(&0.0) {
            return Err(params.error("std is 0"));
        }
        for (c, table) in self.tables.iter_mut().enumerate() {
            let (mean, std) = (
                mean[c.min(mean.len() - 1)] as f32,
                std[c.min(std.len() - 1)] as f32,
            );
            table.iter_mut().for_each(|value| *value = (*value - mean) / std);
        }
        Ok(())
    }

    /// How many images come of one.
    pub fn views(&self) -> usize {
        self.views
    }

    pub fn channels(&self) -> usize {
        self.tables.len()
    }

    /// Height and width of the views, when these follow from the list and the size of the images.
    pub fn output_size(&self, input: Option<(usize, usize)>) -> Option<(usize, usize)> {
        self.steps
            .iter()
            .fold(input, |size, (_, step)| step.output_size(size))
    }

    /// Runs the steps and calls `emit(view, image)` for each view in order. `place` names seed, epoch and sample.
    ///
    /// # Errors
    /// A step cannot work on an image of this size.
    pub fn run(
        &self,
        image: &Image,
        place: Place,
        mut emit: impl FnMut(usize, &Image) -> std::result::Result<(), String>,
    ) -> std::result::Result<(), String> {
        let mut image = Cow::Borrowed(image);
        // A view of ImgReplicatePil is numbered from 1, so that what comes before has a stream of its own.
        let stream = |view: usize, index: usize| {
            Rng::at(Place {
                view: view as u32,
                step: index as u32,
                ..place
            })
        };
        for (index, step) in &self.steps[..self.shared] {
            step.apply(&mut image, &mut stream(0, *index))?;
        }
        for view in 0..self.views {
            let mut copy = Cow::Borrowed(image.as_ref());
            for (index, step) in &self.steps[self.shared..] {
                step.apply(&mut copy, &mut stream(view + 1, *index))?;
            }
            emit(view, &copy)?;
        }
        Ok(())
    }

    /// Writes an image as floats: channel by channel, or pixel by pixel when `channels_last`.
    /// `target` has height · width · channels elements.
    pub fn write(&self, image: &Image, target: &mut [f32], channels_last: bool) {
        let channels = self.tables.len();
        let pixels = image.width * image.height;
        // A gray image feeds every channel.
        let lane = |c: usize| if image.channels == 1 { 0 } else { c };
        if channels_last && channels > 1 {
            let source = image.data.chunks_exact(image.channels);
            for (pixel, values) in target.chunks_exact_mut(channels).zip(source) {
                for (c, (out, table)) in pixel.iter_mut().zip(&self.tables).enumerate() {
                    *out = table[usize::from(values[lane(c)])];
                }
            }
            return;
        }
        for ((c, table), plane) in self
            .tables
            .iter()
            .enumerate()
            .zip(target.chunks_exact_mut(pixels.max(1)))
        {
            let values = image.data.iter().skip(lane(c)).step_by(image.channels);
            for (out, value) in plane.iter_mut().zip(values) {
                *out = table[usize::from(*value)];
            }
        }
    }
}

fn camel_case(name: &str) -> String {
    let capital = |part: &str| {
        part.chars()
            .next()
            .map(|first| first.to_uppercase().to_string() + &part[first.len_utf8()..])
    };
    name.split('_').filter_map(capital).collect()
}

fn read_step(name: &str, params: &mut Params<'_>) -> Result<Step> {
    Ok(match name {
        "RandomResizedCrop" => {
            let (height, width) = params.size()?.square();
            let scale = params.range("scale", (0.08, 1.0))?;
            let ratio = params.range("ratio", (3.0 / 4.0, 4.0 / 3.0))?;
            params.bilinear()?;
            params.ignore("antialias");
            Step::RandomResizedCrop {
                height,
                width,
                scale,
                ratio,
            }
        }
        "RandomHorizontalFlip" => Step::RandomHorizontalFlip {
            p: params.probability("p", 0.5)?,
        },
        "ColorJitter" => {
            let factor = (0.0, f64::MAX);
            let jitter = Jitter {
                brightness: params.jitter("brightness", 1.0, factor)?,
                contrast: params.jitter("contrast", 1.0, factor)?,
                saturation: params.jitter("saturation", 1.0, factor)?,
                hue: params.jitter("hue", 0.0, (-0.5, 0.5))?,
            };
            Step::ColorJitter { p: 1.0, jitter }
        }
        "ImgPilColorDistortion" => Step::ColorDistortion {
            jitter: strength(params)?,
        },
        "ImgPilRandomColorJitter" => {
            let jitter = strength(params)?;
            Step::ColorJitter {
                p: params.probability("p", 0.8)?,
                jitter,
            }
        }
        "RandomGrayscale" => Step::RandomGrayscale {
            p: params.probability("p", 0.1)?,
        },
        "ImgPilGaussianBlur" => {
            let p = params.probability("p", 0.5)?;
            let radius = (
                params.number("radius_min", 0.1)?,
                params.number("radius_max", 2.0)?,
            );
            if !(0.0 <= radius.0 && radius.0 <= radius.1 && radius.1 <= 100.0) {
                return Err(params.error("radius_min and radius_max must rise within 0..100"));
            }
            Step::GaussianBlur { p, radius }
        }
        "ImgPilRandomSolarize" => Step::RandomSolarize {
            p: params.probability("p", 0.66)?,
        },
        "Resize" => {
            let size = params.size()?;
            params.bilinear()?;
            params.ignore("antialias");
            Step::Resize(size)
        }
        "CenterCrop" => {
            let (height, width) = params.size()?.square();
            Step::CenterCrop { height, width }
        }
        _ => {
            let (height, width) = params.size()?.square();
            let padding = params.padding()?;
            let pad_if_needed = params.flag("pad_if_needed", false)?;
            let fill = params.number("fill", 0.0)?;
            if !(0.0..=255.0).contains(&fill) {
                return Err(params.error(format!("fill must be in 0..255, not {fill}")));
            }
            params.constant_padding()?;
            Step::RandomCrop {
                height,
                width,
                padding,
                pad_if_needed,
                fill: fill as u8,
            }
        }
    })
}

/// Strength of VISSL's colour jitter. The hue factor is a fifth of it and may be half a turn at most.
fn strength(params: &mut Params<'_>) -> Result<Jitter> {
    let strength = params.number("strength", 1.0)?;
    if (0.0..=2.5).contains(&strength) {
        Ok(Jitter::of_strength(strength))
    } else {
        Err(params.error(format!("strength must be in 0..2.5, not {strength}")))
    }
}

impl Params<'_> {
    /// `padding`: one number, `[x, y]`, or `[left, top, right, bottom]`.
    fn padding(&mut self) -> Result<[usize; 4]> {
        let numbers = match self.number("padding", 0.0) {
            Ok(number) => vec![number],
            Err(_) => self.numbers("padding")?.unwrap_or_default(),
        };
        if numbers
            .iter()
            .any(|number| number.fract() != 0.0 || !(0.0..=4096.0).contains(number))
        {
            return Err(self.error("padding must be whole numbers from 0 to 4096"));
        }
        let whole: Vec<usize> = numbers.iter().map(|number| *number as usize).collect();
        match whole[..] {
            [all] => Ok([all; 4]),
            [x, y] => Ok([x, y, x, y]),
            [left, top, right, bottom] => Ok([left, top, right, bottom]),
            _ => Err(self.error("padding must be 1, 2 or 4 numbers")),
        }
    }
}
