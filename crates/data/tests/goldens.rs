//! Pixels against Pillow and torchvision, orders against torch and VISSL 0.1.5.
//! `__test__/golden/data/make.py` makes the files.

use std::path::Path;

use serde_json::Value;
use vissl_data::decode::{DecodeOptions, decode};
use vissl_data::image::Image;
use vissl_data::mt19937::Mt19937;
use vissl_data::rng::Place;
use vissl_data::sampler::{SamplerKind, order};
use vissl_data::transform::resample::{Region, resize};
use vissl_data::transform::{Plan, blur, color};

struct Goldens {
    index: Value,
    bytes: Vec<u8>,
}

fn folder() -> std::path::PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../__test__/golden/data")
}

fn json(name: &str) -> Value {
    serde_json::from_slice(&std::fs::read(folder().join(name)).unwrap()).unwrap()
}

fn size(value: &Value, key: &str) -> usize {
    value[key].as_u64().unwrap() as usize
}

impl Goldens {
    fn open() -> Self {
        Goldens {
            index: json("index.json"),
            bytes: std::fs::read(folder().join("transforms.bin")).unwrap(),
        }
    }

    fn shape(&self, entry: &Value) -> Vec<usize> {
        entry["shape"]
            .as_array()
            .unwrap()
            .iter()
            .map(|size| size.as_u64().unwrap() as usize)
            .collect()
    }

    fn bytes(&self, entry: &Value) -> &[u8] {
        let item = if entry["dtype"] == "float32" { 4 } else { 1 };
        let offset = size(entry, "offset");
        &self.bytes[offset..offset + self.shape(entry).iter().product::<usize>() * item]
    }

    fn image(&self, entry: &Value) -> Image {
        let shape = self.shape(entry);
        let channels = shape.get(2).copied().unwrap_or(1);
        Image {
            width: shape[1],
            height: shape[0],
            channels,
            data: self.bytes(entry).to_vec(),
        }
    }

    fn floats(&self, entry: &Value) -> Vec<f32> {
        self.bytes(entry)
            .chunks_exact(4)
            .map(|b| f32::from_le_bytes(b.try_into().unwrap()))
            .collect()
    }
}

/// The image that a list of steps leaves, read back from the tensor.
fn through_plan(list: &[Value], image: &Image) -> (Vec<f32>, usize, usize) {
    let plan = Plan::compile(list, image.channels).unwrap();
    let mut out = (Vec::new(), 0, 0);
    plan.run(image, Place::default(), |_, view| {
        let mut values = vec![0.0; view.width * view.height * image.channels];
        plan.write(view, &mut values, false);
        out = (values, view.width, view.height);
        Ok(())
    })
    .unwrap();
    out
}

#[test]
fn pixels_equal_pillow() {
    let goldens = Goldens::open();
    let mut seen = 0;
    for case in goldens.index["cases"].as_array().unwrap() {
        let (op, params) = (case["op"].as_str().unwrap(), &case["params"]);
        let source = goldens.image(&case["in"]);
        if op == "tensor" && case["in"]["dtype"] == "uint8" {
            let (values, _, _) = through_plan(params.as_array().unwrap(), &source);
            assert_eq!(values, goldens.floats(&case["out"]), "{params}");
            seen += 1;
            continue;
        }
        if case["in"]["dtype"] != "uint8" {
            continue;
        }
        let wanted = goldens.image(&case["out"]);
        let factor = params.as_f64().unwrap_or_default();
        let mut image = source.clone();
        match op {
            "resize" => {
                image = resize(
                    &source,
                    Region::whole(&source),
                    size(params, "width"),
                    size(params, "height"),
                )
            }
            "resized_crop" => {
                let region = Region {
                    left: size(params, "left"),
                    top: size(params, "top"),
                    width: size(params, "width"),
                    height: size(params, "height"),
                };
                image = resize(&source, region, size(params, "size"), size(params, "size"));
            }
            "brightness" => color::adjust_brightness(&mut image, factor),
            "contrast" => color::adjust_contrast(&mut image, factor),
            "saturation" => color::adjust_saturation(&mut image, factor),
            "hue" => color::adjust_hue(&mut image, factor),
            "blur" => blur::gaussian_blur(&mut image, factor),
            "solarize" => color::solarize(&mut image, factor as u16),
            "gray" => image = color::to_gray(&image),
            "flip" => image.flip_horizontal(),
            "transform" => {
                let raw = serde_json::json!({ "name": "ImgPilToRawTensor" });
                let (values, width, height) = through_plan(&[params.clone(), raw], &source);
                let plane = width * height;
                let channels = source.channels;
                let data = (0..plane * channels)
                    .map(|i| values[i % channels * plane + i / channels] as u8)
                    .collect();
                image = Image {
                    width,
                    height,
                    channels,
                    data,
                };
            }
            other => panic!("unknown case {other}"),
        }
        assert_eq!(
            (image.width, image.height),
            (wanted.width, wanted.height),
            "{op} {params}"
        );
        let difference = image
            .data
            .iter()
            .zip(&wanted.data)
            .map(|(a, b)| a.abs_diff(*b))
            .max();
        assert_eq!(
            difference,
            Some(0),
            "{op} {params} on {} channels",
            source.channels
        );
        seen += 1;
    }
    assert!(seen > 90, "{seen}");
}

#[test]
fn files_decode_as_pillow_decodes_them() {
    let goldens = Goldens::open();
    for file in goldens.index["files"].as_array().unwrap() {
        let name = &file["name"];
        let image = decode(goldens.bytes(&file["file"]), DecodeOptions::default())
            .unwrap_or_else(|e| panic!("{name}: {e}"));
        let wanted = goldens.image(&file["pixels"]);
        assert_eq!(
            (image.width, image.height, image.channels),
            (wanted.width, wanted.height, wanted.channels),
            "{name}"
        );
        let difference = image
            .data
            .iter()
            .zip(&wanted.data)
            .map(|(a, b)| a.abs_diff(*b))
            .max()
            .unwrap();
        assert!(
            u64::from(difference) <= file["tolerance"].as_u64().unwrap(),
            "{name}: {difference}"
        );
    }
}

#[test]
fn cut_files_are_truncated_at_every_length() {
    let goldens = Goldens::open();
    for file in goldens.index["files"].as_array().unwrap() {
        let bytes = goldens.bytes(&file["file"]);
        for cut in (0..bytes.len() - 2)
            .step_by(37)
            .chain([bytes.len() / 2, bytes.len() - 3])
        {
            // PNG's closing chunk (12 bytes) holds no pixels.
            if bytes[0] == 0x89 && cut + 12 >= bytes.len() {
                continue;
            }
            assert!(
                decode(&bytes[..cut], DecodeOptions::default()).is_err(),
                "{} cut to {cut}",
                file["name"]
            );
        }
    }
}

#[test]
fn damaged_files_never_panic() {
    let goldens = Goldens::open();
    for file in goldens.index["files"].as_array().unwrap() {
        let bytes = goldens.bytes(&file["file"]);
        for at in (2..bytes.len()).step_by(11) {
            let mut damaged = bytes.to_vec();
            damaged[at] ^= 0x55;
            let _ = decode(&damaged, DecodeOptions::default());
        }
    }
}

#[test]
fn randperm_equals_torch() {
    for row in Goldens::open().index["permutations"].as_array().unwrap() {
        let count = size(row, "n");
        let permutation = Mt19937::randperm(row["seed"].as_u64().unwrap(), count);
        let first: Vec<u64> = permutation.iter().take(20).map(|i| u64::from(*i)).collect();
        assert_eq!(serde_json::json!(first), row["first"]);
        let checksum: u64 = permutation
            .iter()
            .zip(1u64..)
            .map(|(i, weight)| u64::from(*i) * (weight % 1_000_003))
            .sum();
        assert_eq!(checksum, row["checksum"].as_u64().unwrap());
    }
}

#[test]
fn orders_equal_the_reference() {
    let mut seen = 0;
    for row in json("samplers.json").as_array().unwrap() {
        let kind = match row["kind"].as_str() {
            Some("stateful") => SamplerKind::Stateful,
            Some(_) => SamplerKind::Distributed,
            None => continue,
        };
        let found = order(
            kind,
            size(row, "n"),
            size(row, "rank"),
            size(row, "world"),
            row["epoch"].as_u64().unwrap(),
        );
        let start = row["start_iter"].as_u64().unwrap_or(0) as usize
            * row["batch_size"].as_u64().unwrap_or(0) as usize;
        let found = found.unwrap();
        assert_eq!(
            serde_json::json!(found[start.min(found.len())..]),
            row["indices"],
            "{kind:?}"
        );
        seen += 1;
    }
    assert!(seen > 5, "{seen}");
}
