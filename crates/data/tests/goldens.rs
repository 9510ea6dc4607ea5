//! Pixels against Pillow and torchvision, orders against torch and VISSL 0.1.5.
//! `__test__/golden/data/make.py` makes the files.

use vissl_data::decode::{DecodeOptions, decode};
use vissl_data::image::Image;
use vissl_data::jpeg::{DECODER, zune};
use vissl_data::mt19937::Mt19937;
use vissl_data::rng::{Place, Rng};
use vissl_data::sampler::{SamplerKind, Sharding};
use vissl_data::transform::params::Filter;
use vissl_data::transform::region::random_region;
use vissl_data::transform::resample::{Region, resize};
use vissl_data::transform::{blur, color};

mod support;
use support::{json, run, size, tensor, through};

struct Goldens;

impl Goldens {
    fn open() -> support::Goldens {
        support::Goldens::open("index.json", "transforms.bin")
    }
}

#[test]
fn pixels_equal_pillow() {
    let goldens = Goldens::open();
    let mut seen = 0;
    for case in goldens.index["cases"].as_array().unwrap() {
        let (op, params) = (case["op"].as_str().unwrap(), &case["params"]);
        let source = goldens.image(&case["in"]);
        if op == "tensor" && case["in"]["dtype"] == "uint8" {
            let out = run(params.as_array().unwrap(), &source, Place::default()).unwrap();
            let (values, _) = tensor(&out.data[0]);
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
                    Filter::Bilinear,
                )
            }
            "resized_crop" => {
                let region = Region {
                    left: size(params, "left"),
                    top: size(params, "top"),
                    width: size(params, "width"),
                    height: size(params, "height"),
                };
                image = resize(
                    &source,
                    region,
                    size(params, "size"),
                    size(params, "size"),
                    Filter::Bilinear,
                );
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
                image = through(params, &source, Place::default());
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
        // CMYK files are zune-jpeg's in every build.
        let name = name.as_str().unwrap();
        let exact = DECODER == "libjpeg-turbo" && name.starts_with("jpeg") && name != "jpeg_cmyk";
        let tolerance = if exact {
            0
        } else {
            file["tolerance"].as_u64().unwrap()
        };
        assert!(u64::from(difference) <= tolerance, "{name}: {difference}");
    }
}

#[test]
fn zune_jpeg_decodes_as_pillow_within_a_bound() {
    let goldens = Goldens::open();
    let files = goldens.index["files"].as_array().unwrap();
    let is_stored_upright = |name: &str| name.starts_with("jpeg") && !name.contains("exif");
    for file in files
        .iter()
        .filter(|file| is_stored_upright(file["name"].as_str().unwrap()))
    {
        let found = zune::decode(goldens.bytes(&file["file"]), 1 << 20).unwrap();
        let wanted = goldens.image(&file["pixels"]);
        let pairs = found.data.iter().zip(&wanted.data);
        let difference = pairs.map(|(a, b)| u64::from(a.abs_diff(*b))).max();
        assert!(difference <= file["tolerance"].as_u64(), "{}", file["name"]);
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
fn samples_of_12_bits_are_refused() {
    let goldens = Goldens::open();
    let files = goldens.index["files"].as_array().unwrap();
    let file = files.iter().find(|file| file["name"] == "jpeg_444").unwrap();
    let mut bytes = goldens.bytes(&file["file"]).to_vec();
    let frame = bytes.windows(2).position(|pair| pair == [0xff, 0xc0]).unwrap();
    bytes[frame + 4] = 12;
    assert!(decode(&bytes, DecodeOptions::default()).is_err());
    bytes[frame + 1] = 0xc1;
    assert!(decode(&bytes, DecodeOptions::default()).is_err());
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
        let sharding = Sharding {
            kind,
            len: size(row, "n"),
            rank: size(row, "rank"),
            world: size(row, "world"),
            drop_tail: false,
            seed: 0,
        };
        let order = sharding.order(row["epoch"].as_u64().unwrap()).unwrap();
        let found: Vec<usize> = (0..order.len()).map(|at| order.get(at)).collect();
        let start = row["start_iter"].as_u64().unwrap_or(0) as usize
            * row["batch_size"].as_u64().unwrap_or(0) as usize;
        assert_eq!(
            serde_json::json!(found[start.min(found.len())..]),
            row["indices"],
            "{kind:?}"
        );
        seen += 1;
    }
    assert!(seen > 5, "{seen}");
}

#[test]
fn random_regions_are_distributed_as_torchvisions() {
    const DRAWS: usize = 20_000;
    for row in Goldens::open().index["regions"].as_array().unwrap() {
        let pair = |key: &str| (row[key][0].as_f64().unwrap(), row[key][1].as_f64().unwrap());
        let mut sums = [("area", 0.0), ("aspect", 0.0), ("left", 0.0), ("top", 0.0)];
        for sample in 0..DRAWS {
            let mut rng = Rng::at(Place {
                sample: sample as u64,
                ..Place::default()
            });
            let region = random_region(45, 37, pair("scale"), pair("ratio"), &mut rng);
            let (width, height) = (region.width as f64, region.height as f64);
            sums[0].1 += width * height / (45.0 * 37.0);
            sums[1].1 += (width / height).ln();
            sums[2].1 += region.left as f64 / 45.0;
            sums[3].1 += region.top as f64 / 37.0;
        }
        for (name, sum) in sums {
            let wanted = row["means"][name].as_f64().unwrap();
            // Five standard errors of the difference of two means.
            let bound = 5.0 * row["deviations"][name].as_f64().unwrap() * (2.0 / DRAWS as f64).sqrt() + 1e-9;
            assert!(
                (sum / DRAWS as f64 - wanted).abs() <= bound,
                "{name}: {} against {wanted}",
                sum / DRAWS as f64
            );
        }
    }
}

#[test]
fn steps_happen_as_often_as_they_should() {
    const DRAWS: usize = 4000;
    let image = Image {
        width: 4,
        height: 2,
        channels: 3,
        data: (0..24).map(|i| (i * 37 % 251) as u8).collect(),
    };
    let mut mirrored = image.clone();
    mirrored.flip_horizontal();
    // Step, how often its result is gray, unchanged, mirrored.
    let cases = [
        (
            serde_json::json!({ "name": "ImgPilColorDistortion" }),
            0.2,
            0.16,
            0.0,
        ),
        (
            serde_json::json!({ "name": "ImgPilRandomColorJitter", "p": 0.3 }),
            0.0,
            0.7,
            0.0,
        ),
        (serde_json::json!({ "name": "RandomGrayscale" }), 0.1, 0.9, 0.0),
        (
            serde_json::json!({ "name": "RandomHorizontalFlip" }),
            0.0,
            0.5,
            0.5,
        ),
        (
            serde_json::json!({ "name": "ImgPilGaussianBlur", "p": 0.4, "radius_min": 1.0 }),
            0.0,
            0.6,
            0.0,
        ),
        (
            serde_json::json!({ "name": "ImgPilRandomSolarize", "p": 0.25 }),
            0.0,
            0.756,
            0.0,
        ),
    ];
    for (step, gray, unchanged, flipped) in cases {
        let mut counts = [0usize; 3];
        for sample in 0..DRAWS as u64 {
            let place = Place {
                sample,
                ..Place::default()
            };
            let view = through(&step, &image, place);
            counts[0] += usize::from(
                view.data
                    .chunks_exact(3)
                    .all(|rgb| rgb[0] == rgb[1] && rgb[1] == rgb[2]),
            );
            counts[1] += usize::from(view == image);
            counts[2] += usize::from(view == mirrored);
        }
        for (count, wanted) in counts.into_iter().zip([gray, unchanged, flipped]) {
            let share = count as f64 / DRAWS as f64;
            assert!(
                (share - wanted).abs() < 0.03,
                "{step}: {counts:?}, wanted {gray} {unchanged} {flipped}"
            );
        }
    }
}
