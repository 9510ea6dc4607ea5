//! Jobs for transforms and sources that are written in JavaScript: workers take and answer them. A queue belongs to
//! the process, so that any of its threads can serve it.

use std::sync::Arc;
use std::time::Duration;

use napi::bindgen_prelude::*;
use napi_derive::napi;
use vissl_data::entry::{Entry, Floats};
use vissl_data::image::Image;
use vissl_data::script::{self, Answer, Work};

#[napi(object)]
pub struct ScriptJob {
    pub id: f64,
    /// `transform` or `load`.
    pub kind: String,
    /// Which of the loader's transforms or sources.
    pub script: u32,
    /// Of `load`: the sample.
    pub index: Option<f64>,
    /// Of `transform`: a seed that follows from sample, view and position.
    pub seed: Option<Vec<u32>>,
    /// H×W×C of `pixels`, C×H×W (or T×C×H×W) of `values`.
    pub shape: Option<Vec<u32>>,
    pub pixels: Option<Uint8Array>,
    pub values: Option<Float32Array>,
}

/// One of `pixels` with a shape H×W×C, `values` with a shape, `file`, or `error`.
#[napi(object)]
pub struct ScriptAnswer {
    pub shape: Option<Vec<u32>>,
    pub pixels: Option<Uint8Array>,
    pub values: Option<Float32Array>,
    pub file: Option<Uint8Array>,
    pub error: Option<String>,
}

#[napi]
pub fn create_script_queue() -> f64 {
    script::create() as f64
}

/// Ends a queue: workers get no more jobs, samples that wait fail.
#[napi]
pub fn close_script_queue(queue: f64) {
    script::close(queue as u64);
}

/// Whether the queue is open still.
#[napi]
pub fn script_queue_is_open(queue: f64) -> bool {
    script::find(queue as u64).is_some()
}

/// The next job, waiting for up to `milliseconds`; null when none came. Blocks the calling thread.
#[napi]
pub fn take_script_job(queue: f64, milliseconds: u32) -> Option<ScriptJob> {
    let queue = script::find(queue as u64)?;
    let (job, _) = queue.take(Duration::from_millis(u64::from(milliseconds)));
    let job = job?;
    let empty = ScriptJob {
        id: job.id as f64,
        kind: "load".to_owned(),
        script: 0,
        index: None,
        seed: None,
        shape: None,
        pixels: None,
        values: None,
    };
    Some(match job.work {
        Work::Load { script, index } => ScriptJob {
            script: script as u32,
            index: Some(index as f64),
            ..empty
        },
        Work::Transform { script, entry, seed } => {
            let job = ScriptJob {
                kind: "transform".to_owned(),
                script: script as u32,
                seed: Some(seed.to_vec()),
                ..empty
            };
            let longs = |shape: &[usize]| Some(shape.iter().map(|size| *size as u32).collect());
            match entry {
                Entry::Picture(image) => ScriptJob {
                    shape: longs(&[image.height, image.width, image.channels]),
                    pixels: Some(
                        Arc::try_unwrap(image)
                            .map_or_else(|shared| shared.data.clone(), |own| own.data)
                            .into(),
                    ),
                    ..job
                },
                tensor => {
                    let shape = tensor.shape().unwrap_or_default();
                    let mut values = vec![0f32; shape.iter().product()];
                    tensor.write(&mut values, false);
                    ScriptJob {
                        shape: longs(&shape),
                        values: Some(values.into()),
                        ..job
                    }
                }
            }
        }
    })
}

/// Answers a job of `take_script_job`.
#[napi]
pub fn answer_script_job(queue: f64, id: f64, answer: ScriptAnswer) {
    if let Some(queue) = script::find(queue as u64) {
        queue.answer(id as u64, checked(answer).unwrap_or_else(Answer::Failed));
    }
}

fn checked(answer: ScriptAnswer) -> std::result::Result<Answer, String> {
    let shape: Vec<usize> = answer
        .shape
        .unwrap_or_default()
        .iter()
        .map(|size| *size as usize)
        .collect();
    let elements = shape
        .iter()
        .try_fold(1usize, |product, size| product.checked_mul(*size))
        .unwrap_or(usize::MAX);
    let fits = |length: usize| {
        if length == elements && elements > 0 {
            Ok(())
        } else {
            Err(format!("it gave {length} elements for the shape {shape:?}"))
        }
    };
    if let Some(error) = answer.error {
        return Err(error);
    }
    if let Some(file) = answer.file {
        return Ok(Answer::File(file.to_vec()));
    }
    if let Some(pixels) = answer.pixels {
        fits(pixels.len())?;
        let [height, width, channels @ (1 | 3)] = shape[..] else {
            return Err(format!(
                "an image has the shape [height, width, 1 or 3], not {shape:?}"
            ));
        };
        return Ok(Answer::Entry(Entry::Picture(Arc::new(Image {
            width,
            height,
            channels,
            data: pixels.to_vec(),
        }))));
    }
    let values = answer.values.ok_or("it gave nothing")?;
    fits(values.len())?;
    Ok(Answer::Entry(Entry::Floats(Floats {
        shape,
        values: values.to_vec(),
    })))
}
