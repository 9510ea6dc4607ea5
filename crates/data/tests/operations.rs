//! Single operations against Pillow, torchvision and OpenCV, drawn parameters against torchvision's and NumPy's.
//! `__test__/golden/data/make_operations.py` makes the files.

use std::sync::Arc;

use serde_json::Value;
use vissl_data::image::Image;
use vissl_data::rng::{Place, Rng};
use vissl_data::subset::SubsetSpec;
use vissl_data::transform::affine::{affine_matrix, rotate, transform};
use vissl_data::transform::blur::kernel_blur;
use vissl_data::transform::lab::to_lab;
use vissl_data::transform::params::Filter;
use vissl_data::transform::photo;
use vissl_data::transform::region::{random_erasure, random_region};
use vissl_data::transform::resample::{Region, resize};

mod support;
use support::{Goldens, numbers, size, through};

fn goldens() -> Goldens {
    Goldens::open("operations.json", "operations.bin")
}

fn filter(params: &Value) -> Filter {
    match params["filter"].as_str().unwrap() {
        "nearest" => Filter::Nearest,
        "bilinear" => Filter::Bilinear,
        _ => Filter::Bicubic,
    }
}

fn apply(op: &str, params: &Value, source: &Image) -> Image {
    let mut image = source.clone();
    let number = params.as_f64().unwrap_or_default();
    let scaled = |filter| {
        let (width, height) = (size(params, "width"), size(params, "height"));
        resize(source, Region::whole(source), width, height, filter)
    };
    let fill = || [params["fill"].as_u64().unwrap_or(0) as u8; 3];
    match op {
        "posterize" => photo::posterize(&mut image, number as u32),
        "sharpness" => photo::adjust_sharpness(&mut image, number),
        "autocontrast" => photo::autocontrast(&mut image),
        "equalize" => photo::equalize(&mut image),
        "invert" => photo::invert(&mut image),
        "solarize_add" => photo::solarize_add(&mut image, number as u16, 128),
        "flip_vertical" => image.flip_vertical(),
        "rotate" => {
            image = rotate(
                source,
                params["degrees"].as_f64().unwrap(),
                filter(params),
                fill(),
            )
        }
        "affine" => {
            let matrix = numbers(&params["matrix"]).try_into().unwrap();
            image = transform(source, &matrix, filter(params), fill());
        }
        "torchvision_affine" => {
            let pair = |key: &str| (numbers(&params[key])[0], numbers(&params[key])[1]);
            let number = |key: &str| params[key].as_f64().unwrap();
            let matrix = affine_matrix(
                (source.width, source.height),
                number("angle"),
                pair("shift"),
                number("scale"),
                pair("shear"),
            );
            image = transform(source, &matrix, filter(params), fill());
        }
        "resize_bicubic" => image = scaled(Filter::Bicubic),
        "resize_nearest" => image = scaled(Filter::Nearest),
        "transform" => image = through(params, source, Place::default()),
        "kernel_blur" => {
            let kernel = numbers(&params["kernel"]);
            let kernel = (kernel[0] as usize, kernel[1] as usize);
            kernel_blur(&mut image, kernel, params["sigma"].as_f64().unwrap());
        }
        "lab" => image = to_lab(source),
        other => panic!("unknown case {other}"),
    }
    image
}

/// Greatest difference of a value that is allowed, and of the mean over an image.
fn bound(op: &str) -> (u8, f64) {
    match op {
        // torchvision sums in another order; a value half-way between two may be rounded the other way.
        "kernel_blur" => (1, 0.01),
        // Values are cut, not rounded, so at 45° the last bit of a coordinate decides between two.
        "rotate" => (1, 0.003),
        _ => (0, 0.0),
    }
}

#[test]
fn operations_equal_the_libraries() {
    let goldens = goldens();
    let mut wrong = Vec::new();
    for case in goldens.index["cases"].as_array().unwrap() {
        let (op, params) = (case["op"].as_str().unwrap(), &case["params"]);
        let (source, wanted) = (goldens.image(&case["in"]), goldens.image(&case["out"]));
        let found = apply(op, params, &source);
        assert_eq!(
            (found.width, found.height),
            (wanted.width, wanted.height),
            "{op} {params}"
        );
        let differences: Vec<u8> = found
            .data
            .iter()
            .zip(&wanted.data)
            .map(|(a, b)| a.abs_diff(*b))
            .collect();
        let most = differences.iter().copied().max().unwrap_or(0);
        let mean = differences.iter().map(|d| f64::from(*d)).sum::<f64>() / differences.len() as f64;
        let (limit, mean_limit) = bound(op);
        if most > limit || mean > mean_limit {
            let count = differences.iter().filter(|d| **d > 0).count();
            wrong.push(format!(
                "{op} {params} on {}x{}x{}: most {most}, mean {mean:.4}, {count} values",
                source.width, source.height, source.channels
            ));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn parts_of_a_data_set_are_those_that_numpy_draws() {
    for row in goldens().index["choices"].as_array().unwrap() {
        let subset = SubsetSpec {
            seed: size(row, "seed") as u32,
            balanced: false,
            skip: 0,
        };
        let drawn = subset
            .draw(size(row, "total"), size(row, "size"), |_| None)
            .unwrap();
        assert_eq!(serde_json::json!(drawn), row["drawn"]);
    }
}

/// The two-sample Kolmogorov–Smirnov statistic.
fn distance(a: &mut [f64], b: &mut [f64]) -> f64 {
    a.sort_by(f64::total_cmp);
    b.sort_by(f64::total_cmp);
    let (mut i, mut j, mut most) = (0, 0, 0.0f64);
    while i < a.len() && j < b.len() {
        let at = a[i].min(b[j]);
        while i < a.len() && a[i] <= at {
            i += 1;
        }
        while j < b.len() && b[j] <= at {
            j += 1;
        }
        most = most.max((i as f64 / a.len() as f64 - j as f64 / b.len() as f64).abs());
    }
    most
}

#[test]
fn parameters_are_distributed_as_the_libraries_draw_them() {
    let goldens = goldens();
    let draws = &goldens.index["draws"];
    const COUNT: usize = 20_000;
    let stream = |sample: usize| {
        Rng::at(Place {
            seed: 11,
            sample: sample as u64,
            ..Place::default()
        })
    };
    let check = |name: &str, mut found: Vec<f64>| {
        let mut wanted = numbers(&draws[name]);
        // The goldens are every twentieth value in order, so they vary less than draws: the bound is that of
        // 20,000 against 1,000 at 0.1 %.
        let bound = 1.95 * ((COUNT + 1000) as f64 / (COUNT * 1000) as f64).sqrt();
        let found = distance(&mut found, &mut wanted);
        assert!(found < bound, "{name}: {found} against {bound}");
    };
    check("normal", (0..COUNT).map(|i| stream(i).normal()).collect());
    check("beta_0.2", (0..COUNT).map(|i| stream(i).beta(0.2, 0.2)).collect());
    check("beta_1", (0..COUNT).map(|i| stream(i).beta(1.0, 1.0)).collect());
    for scale in [(0.08, 1.0), (0.3, 0.4)] {
        let regions: Vec<Region> = (0..COUNT)
            .map(|i| random_region(45, 37, scale, (3.0 / 4.0, 4.0 / 3.0), &mut stream(i)))
            .collect();
        let name = |what: &str| format!("crop_{}_{what}", scale.0);
        let of = |value: fn(&Region) -> f64| regions.iter().map(value).collect::<Vec<f64>>();
        check(&name("area"), of(|r| (r.width * r.height) as f64));
        check(&name("aspect"), of(|r| r.width as f64 / r.height as f64));
        check(&name("left"), of(|r| r.left as f64));
        check(&name("top"), of(|r| r.top as f64));
    }
    let erased: Vec<Region> = (0..COUNT)
        .map(|i| {
            let whole = Region {
                left: 0,
                top: 0,
                width: 45,
                height: 37,
            };
            random_erasure(45, 37, (0.02, 0.33), (0.3, 3.3), &mut stream(i)).unwrap_or(whole)
        })
        .collect();
    let of = |value: fn(&Region) -> f64| erased.iter().map(value).collect::<Vec<f64>>();
    check("erase_area", of(|r| (r.width * r.height) as f64));
    check("erase_left", of(|r| r.left as f64));
    check("erase_top", of(|r| r.top as f64));
}

#[test]
fn augmentations_change_images_within_their_bounds() {
    let image = Image {
        width: 24,
        height: 20,
        channels: 3,
        data: (0..24 * 20 * 3).map(|i| (i * 37 % 251) as u8).collect(),
    };
    let lists = [
        serde_json::json!({ "name": "RandAugment" }),
        serde_json::json!({ "name": "RandAugment", "magnitude": 9, "magnitude_std": 0.5, "increasing_severity": true, "weight_choice": 0 }),
        serde_json::json!({ "name": "VisslAutoAugment", "policy_name": "v0", "magnitude_std": 0.5 }),
        serde_json::json!({ "name": "VisslAutoAugment", "policy_name": "originalr" }),
    ];
    for step in lists {
        let outcomes: Vec<Image> = (0..300)
            .map(|sample| {
                through(
                    &step,
                    &image,
                    Place {
                        sample,
                        ..Place::default()
                    },
                )
            })
            .collect();
        assert!(
            outcomes.iter().all(|out| (out.width, out.height) == (24, 20)),
            "{step}"
        );
        let changed = outcomes.iter().filter(|out| **out != image).count();
        assert!((120..=300).contains(&changed), "{step}: {changed}");
        let again = through(&step, &image, Place::default());
        assert_eq!(Arc::new(again), Arc::new(outcomes[0].clone()));
    }
}
