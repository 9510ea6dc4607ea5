//! One image-to-image step, and steps that are made of other steps.

use std::sync::Arc;

use serde_json::Value;

use super::augment::{self, Augment};
use super::color_step::{self, Color};
use super::geometry::{self, Geometry};
use super::params::Params;
use crate::error::{DataError, Result};
use crate::image::Image;
use crate::rng::Rng;

#[derive(Debug, Clone, PartialEq)]
pub enum Step {
    Geometry(Geometry),
    Color(Color),
    Augment(Augment),
    /// All of them, or none.
    Apply(f64, Vec<Step>),
    /// One of them, with these weights.
    Choice(Vec<f64>, Vec<Step>),
    /// All of them in random order.
    Order(Vec<Step>),
}

const COMPOSED: [&str; 4] = ["Compose", "RandomApply", "RandomChoice", "RandomOrder"];

/// Names of the steps from image to image.
pub fn names() -> impl Iterator<Item = &'static str> {
    geometry::NAMES
        .into_iter()
        .chain(color_step::NAMES)
        .chain(augment::NAMES)
        .chain(COMPOSED)
}

impl Step {
    /// Reads the step called `name`, one of [`names`].
    pub fn read(name: &str, params: &mut Params<'_>) -> Result<Step> {
        if geometry::NAMES.contains(&name) {
            return Ok(Step::Geometry(Geometry::read(name, params)?));
        }
        if color_step::NAMES.contains(&name) {
            return Ok(Step::Color(Color::read(name, params)?));
        }
        if augment::NAMES.contains(&name) {
            return Ok(Step::Augment(Augment::read(name, params)?));
        }
        let steps = Step::read_list(params)?;
        Ok(match name {
            "Compose" => Step::Apply(1.0, steps),
            "RandomApply" => Step::Apply(params.probability("p", 0.5)?, steps),
            "RandomOrder" => Step::Order(steps),
            _ => {
                let weights = params.numbers("p")?.unwrap_or_else(|| vec![1.0; steps.len()]);
                let good = weights.len() == steps.len()
                    && weights.iter().all(|weight| *weight >= 0.0)
                    && weights.iter().sum::<f64>() > 0.0;
                if !good {
                    return Err(params.error("p must hold one weight a transform, not all of them 0"));
                }
                Step::Choice(weights, steps)
            }
        })
    }

    /// The steps of the parameter `transforms`.
    pub fn read_list(params: &mut Params<'_>) -> Result<Vec<Step>> {
        let list = params
            .list("transforms")?
            .ok_or_else(|| params.error("transforms is missing"))?;
        if params.depth() > 8 {
            return Err(params.error("transforms are nested more than 8 deep"));
        }
        let step = |entry: &Value| -> Result<Step> {
            let values = entry
                .as_object()
                .ok_or_else(|| params.error(format!("transforms: must be a mapping, not {entry}")))?;
            let given = values.get("name").and_then(Value::as_str).unwrap_or_default();
            let name = names()
                .find(|name| *name == given || *name == super::plan::camel_case(given))
                .ok_or_else(|| -> DataError {
                    let known: Vec<&str> = names().collect();
                    params
                        .error(format!("transforms: there is no image transform named {given:?}"))
                        .fix(format!("names: {}", known.join(", ")))
                })?;
            let mut inner = params.nested(name, values);
            let step = Step::read(name, &mut inner)?;
            inner.finish()?;
            Ok(step)
        };
        list.iter().map(step).collect()
    }

    /// Applies the step. `rng` is the stream of this sample, view and entry of the list.
    ///
    /// # Errors
    /// The step cannot work on an image of this size: the text says so.
    pub fn apply(&self, image: &mut Arc<Image>, rng: &mut Rng) -> std::result::Result<(), String> {
        match self {
            Step::Geometry(step) => step.apply(image, rng),
            Step::Color(step) => {
                step.apply(image, rng);
                Ok(())
            }
            Step::Augment(step) => {
                step.apply(image, rng);
                Ok(())
            }
            Step::Apply(p, steps) => {
                if rng.chance(*p) {
                    apply_all(steps, image, rng)?;
                }
                Ok(())
            }
            Step::Choice(weights, steps) => {
                let mut left = rng.unit() * weights.iter().sum::<f64>();
                let chosen = weights.iter().position(|weight| {
                    left -= weight;
                    left < 0.0
                });
                steps[chosen.unwrap_or(steps.len() - 1)].apply(image, rng)
            }
            Step::Order(steps) => {
                let mut order: Vec<usize> = (0..steps.len()).collect();
                for i in 0..order.len().saturating_sub(1) {
                    let other = i + rng.below(order.len() - i);
                    order.swap(i, other);
                }
                order.into_iter().try_for_each(|at| steps[at].apply(image, rng))
            }
        }
    }
}

/// Applies steps one after the other, all from one stream.
pub fn apply_all(steps: &[Step], image: &mut Arc<Image>, rng: &mut Rng) -> std::result::Result<(), String> {
    steps.iter().try_for_each(|step| step.apply(image, rng))
}
