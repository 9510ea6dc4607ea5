//! Goldens of `__test__/golden/data`: an index in JSON, arrays in one binary file.
#![allow(dead_code)]

use std::path::{Path, PathBuf};
use std::sync::Arc;

use serde_json::Value;
use vissl_data::entry::{Entry, Sample};
use vissl_data::image::Image;
use vissl_data::rng::Place;
use vissl_data::transform::Plan;

pub struct Goldens {
    pub index: Value,
    bytes: Vec<u8>,
}

pub fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../__test__/golden/data")
}

pub fn json(name: &str) -> Value {
    serde_json::from_slice(&std::fs::read(folder().join(name)).unwrap()).unwrap()
}

pub fn size(value: &Value, key: &str) -> usize {
    value[key].as_u64().unwrap() as usize
}

pub fn numbers(value: &Value) -> Vec<f64> {
    value
        .as_array()
        .unwrap()
        .iter()
        .map(|number| number.as_f64().unwrap())
        .collect()
}

impl Goldens {
    pub fn open(index: &str, arrays: &str) -> Self {
        Goldens {
            index: json(index),
            bytes: std::fs::read(folder().join(arrays)).unwrap(),
        }
    }

    pub fn shape(&self, entry: &Value) -> Vec<usize> {
        numbers(&entry["shape"])
            .into_iter()
            .map(|size| size as usize)
            .collect()
    }

    pub fn bytes(&self, entry: &Value) -> &[u8] {
        let item = if entry["dtype"] == "float32" { 4 } else { 1 };
        let offset = size(entry, "offset");
        &self.bytes[offset..offset + self.shape(entry).iter().product::<usize>() * item]
    }

    pub fn image(&self, entry: &Value) -> Image {
        let shape = self.shape(entry);
        Image {
            width: shape[1],
            height: shape[0],
            channels: shape.get(2).copied().unwrap_or(1),
            data: self.bytes(entry).to_vec(),
        }
    }

    pub fn floats(&self, entry: &Value) -> Vec<f32> {
        self.bytes(entry)
            .chunks_exact(4)
            .map(|b| f32::from_le_bytes(b.try_into().unwrap()))
            .collect()
    }
}

/// A sample of one picture and one label.
pub fn sample(image: &Image) -> Sample {
    Sample {
        data: vec![Entry::Picture(Arc::new(image.clone()))],
        label: vec![vissl_data::entry::Label::Id(5)],
        data_valid: vec![1],
        data_idx: vec![7],
    }
}

/// What a transform list makes of a picture.
pub fn run(list: &[Value], image: &Image, place: Place) -> Result<Sample, String> {
    let plan = Plan::compile(list, 1, image.channels).map_err(|error| error.message)?;
    let mut sample = sample(image);
    plan.run(&mut sample, place, None)?;
    Ok(sample)
}

/// The elements of an entry and its shape.
pub fn tensor(entry: &Entry) -> (Vec<f32>, Vec<usize>) {
    let shape = entry.shape().expect("a tensor");
    let mut values = vec![0.0; shape.iter().product()];
    entry.write(&mut values, false);
    (values, shape)
}

/// The image that a list of image steps leaves, read back from the raw tensor.
pub fn through(step: &Value, image: &Image, place: Place) -> Image {
    let raw = serde_json::json!({ "name": "ImgPilToRawTensor" });
    let sample = run(&[step.clone(), raw], image, place).unwrap();
    let (values, shape) = tensor(&sample.data[0]);
    let [channels, height, width] = shape[..] else {
        panic!("{shape:?}")
    };
    let plane = width * height;
    Image {
        width,
        height,
        channels,
        data: (0..plane * channels)
            .map(|i| values[i % channels * plane + i / channels] as u8)
            .collect(),
    }
}
