//! Collators, patches, permutations and the wrapper of transforms against VISSL 0.1.5.

use std::sync::Arc;

use serde_json::{Map, Value, json};
use vissl_data::batch::{Batch, DType};
use vissl_data::collate::Collator;
use vissl_data::entry::{Entry, Floats, Label, Sample};
use vissl_data::image::Image;
use vissl_data::pool::Pool;
use vissl_data::rng::{Place, Rng};
use vissl_data::transform::Plan;
use vissl_data::transform::patches::Grid;

mod support;
use support::{json as golden, numbers, run, size};

fn shape_of(tensor: &Value) -> Vec<usize> {
    numbers(&tensor["shape"])
        .into_iter()
        .map(|size| size as usize)
        .collect()
}

fn entry(tensor: &Value) -> Entry {
    Entry::Floats(Floats {
        shape: shape_of(tensor),
        values: numbers(&tensor["values"])
            .into_iter()
            .map(|value| value as f32)
            .collect(),
    })
}

fn label(value: &Value) -> Label {
    let ids = |value: &Value| {
        numbers(value)
            .into_iter()
            .map(|id| id as i64)
            .collect::<Vec<i64>>()
    };
    match value {
        Value::Number(number) => Label::Id(number.as_i64().unwrap()),
        Value::Object(_) => Label::Vector(ids(&value["values"])),
        _ => Label::Vector(ids(value)),
    }
}

fn sample(row: &Value) -> Sample {
    let longs = |key: &str| {
        numbers(&row[key])
            .into_iter()
            .map(|v| v as i64)
            .collect::<Vec<i64>>()
    };
    let labels = row["label"].as_array().unwrap();
    // A pair of lists of classes is one label.
    let pair = labels
        .first()
        .and_then(Value::as_array)
        .filter(|inner| inner.len() == 2 && inner.iter().all(Value::is_array));
    let label = match pair {
        Some(pair) => {
            let ids = |value: &Value| numbers(value).into_iter().map(|id| id as i64).collect();
            vec![Label::Pair(ids(&pair[0]), ids(&pair[1]))]
        }
        None => labels.iter().map(label).collect(),
    };
    Sample {
        data: row["data"].as_array().unwrap().iter().map(entry).collect(),
        label,
        data_valid: longs("data_valid"),
        data_idx: longs("data_idx"),
    }
}

fn values(batch: &Batch, name: &str) -> (Vec<f64>, Vec<usize>, &'static str) {
    let tensor = batch.tensor(name).unwrap_or_else(|| panic!("there is no {name}"));
    let values = match tensor.dtype {
        DType::Float32 => tensor
            .buffer
            .as_slice::<f32>()
            .iter()
            .map(|v| f64::from(*v))
            .collect(),
        DType::Int64 => tensor
            .buffer
            .as_slice::<i64>()
            .iter()
            .map(|v| *v as f64)
            .collect(),
        DType::Bool => tensor
            .buffer
            .as_slice::<u8>()
            .iter()
            .map(|v| f64::from(*v))
            .collect(),
    };
    (values, tensor.shape.clone(), tensor.dtype.name())
}

fn compare(batch: &Batch, name: &str, wanted: &Value) {
    let (found, shape, dtype) = values(batch, name);
    let number = |value: &Value| match value {
        Value::Bool(flag) => f64::from(u8::from(*flag)),
        value => value.as_f64().unwrap(),
    };
    let expected: Vec<f64> = wanted["values"].as_array().unwrap().iter().map(number).collect();
    assert_eq!(found, expected, "{name}");
    assert_eq!(dtype, wanted["dtype"].as_str().unwrap(), "{name}");
    // A batch of one keeps its axis here; the reference drops it.
    if !shape_of(wanted).is_empty() {
        assert_eq!(shape, shape_of(wanted), "{name}");
    }
}

#[test]
fn collators_give_what_the_reference_gives() {
    let pool = Pool::new(0, 0);
    let mut seen = 0;
    for case in golden("collators.json").as_array().unwrap() {
        let name = case["collator"].as_str().unwrap();
        let Ok(collator) = Collator::new(name, case["params"].as_object().unwrap()) else {
            assert!(case["output"]["error"].is_object(), "{name}");
            continue;
        };
        let batch = case["batch"].as_array().unwrap();
        if batch[0].get("data").is_none() || case["output"]["error"].is_object() {
            // What fails there: missing keys, MoCo's loss of axes, labels of a kind that is one here.
            continue;
        }
        let mut collation = collator
            .begin(batch.len(), false, Rng::with_seed(0), &pool)
            .unwrap();
        if name == "multicrop_mixup_collator" {
            // `np.random.beta(0.2, 0.2)` after `np.random.seed(0)`.
            collation = collation.with_share(0.210_162_968_193_960_1);
        }
        for row in batch {
            collation.add(sample(row)).unwrap();
        }
        let made = collation.finish(0).unwrap();
        let mut names = 0;
        for (key, list) in case["output"].as_object().unwrap() {
            for (at, item) in list.as_array().unwrap().iter().enumerate() {
                match item.as_array() {
                    Some(crops) => {
                        for (crop, item) in crops.iter().enumerate() {
                            compare(&made, &format!("{key}.{at}.{crop}"), item);
                            names += 1;
                        }
                    }
                    None => {
                        compare(&made, &format!("{key}.{at}"), item);
                        names += 1;
                    }
                }
            }
        }
        assert_eq!(made.tensors.len(), names, "{name}: {}", case["description"]);
        seen += 1;
    }
    assert!(seen >= 11, "{seen}");
}

#[test]
fn collators_say_what_they_cannot_take() {
    let pool = Pool::new(0, 0);
    let one = |shape: Vec<usize>, labels: Vec<Label>| Sample {
        data: vec![Entry::Floats(Floats {
            values: vec![0.0; shape.iter().product()],
            shape,
        })],
        label: labels,
        data_valid: vec![1],
        data_idx: vec![0],
    };
    let add = |name: &str, params: Value, count: usize, samples: Vec<Sample>| -> String {
        let empty = Map::new();
        let collator = match Collator::new(name, params.as_object().unwrap_or(&empty)) {
            Ok(collator) => collator,
            Err(error) => return error.message,
        };
        let mut collation = match collator.begin(count, false, Rng::with_seed(0), &pool) {
            Ok(collation) => collation,
            Err(text) => return text,
        };
        for sample in samples {
            if let Err(text) = collation.add(sample) {
                return text;
            }
        }
        collation.finish(0).err().unwrap_or_default()
    };
    let id = vec![Label::Id(3)];
    let image = || one(vec![3, 2, 2], id.clone());
    let cases = [
        (add("nope", json!({}), 1, vec![]), "there is no collator"),
        (
            add("moco_collator", json!({}), 1, vec![image()]),
            "takes two copies",
        ),
        (
            add("patch_and_image_collator", json!({}), 1, vec![image()]),
            "takes an image and its patches",
        ),
        (
            add("multicrop_mixup_collator", json!({}), 3, vec![]),
            "mixes pairs",
        ),
        (
            add("cutmixup_collator", json!({}), 1, vec![image()]),
            "mixes pairs",
        ),
        (
            add(
                "cutmixup_collator",
                json!({ "num_classes": 2 }),
                2,
                vec![image(), image()],
            ),
            "label 3 is not in 0..2",
        ),
        (
            add("cutmixup_collator", json!({ "alpha": 2 }), 2, vec![]),
            "unknown parameter",
        ),
        (
            add(
                "targets_one_hot_default_collator",
                json!({ "num_classes": 4 }),
                1,
                vec![image()],
            ),
            "must be a pair",
        ),
        (
            add(
                "targets_one_hot_default_collator",
                json!({ "num_classes": 4 }),
                1,
                vec![one(vec![3, 2, 2], vec![Label::Pair(vec![4], vec![])])],
            ),
            "label 4 is not in 0..4",
        ),
        (
            add(
                "default_collate",
                json!({}),
                2,
                vec![image(), one(vec![3, 2, 3], id.clone())],
            ),
            "is 3x2",
        ),
        (
            add(
                "default_collate",
                json!({}),
                2,
                vec![image(), one(vec![3, 2, 2], vec![])],
            ),
            "numbers of labels",
        ),
        (
            add(
                "default_collate",
                json!({}),
                2,
                vec![
                    one(vec![1], vec![Label::Vector(vec![1, 2])]),
                    one(vec![1], vec![Label::Vector(vec![1])]),
                ],
            ),
            "different lengths",
        ),
    ];
    for (found, wanted) in cases {
        assert!(found.contains(wanted), "{found:?} lacks {wanted:?}");
    }
}

#[test]
fn mixtures_keep_the_mass_of_images_and_targets() {
    let pool = Pool::new(0, 0);
    for (mode, method) in [
        ("batch", None),
        ("elem", None),
        ("pair", Some("simclr")),
        ("batch", Some("moco")),
    ] {
        let params = json!({ "num_classes": 5, "mode": mode, "ssl_method": method, "label_smoothing": 0.1 });
        let collator = Collator::new("cutmixup_collator", params.as_object().unwrap()).unwrap();
        for seed in 0..20 {
            let mut collation = collator
                .begin(4, seed % 2 == 1, Rng::with_seed(seed), &pool)
                .unwrap();
            for at in 0..4usize {
                let image = Floats {
                    shape: vec![3, 6, 8],
                    values: vec![at as f32; 144],
                };
                collation
                    .add(Sample {
                        data: vec![Entry::Floats(image); 2],
                        label: vec![Label::Id(at as i64); 2],
                        data_valid: vec![1; 2],
                        data_idx: vec![at as i64; 2],
                    })
                    .unwrap();
            }
            let batch = collation.finish(0).unwrap();
            let (name, soft) = if method == Some("simclr") {
                ("data.0", "label.0")
            } else if method == Some("moco") {
                ("data_momentum.0", "label_momentum.0")
            } else {
                ("data.1", "label.1")
            };
            let (images, ..) = values(&batch, name);
            let (targets, shape, dtype) = values(&batch, soft);
            assert_eq!((shape[1], dtype), (5, "float32"));
            for (at, target) in targets.chunks_exact(5).enumerate() {
                assert!((target.iter().sum::<f64>() - 1.0).abs() < 1e-5);
                // An image's mean and its target tell the same share.
                let mean = images[at * 144..(at + 1) * 144].iter().sum::<f64>() / 144.0;
                let (own, other) = (at % 4, 3 - at % 4);
                let share = (target[own] - 0.02) / 0.9;
                let wanted = share * own as f64 + (1.0 - share) * other as f64;
                assert!(
                    (mean - wanted).abs() < 1e-4,
                    "{mode} {method:?} {seed}: {mean} {wanted}"
                );
            }
        }
    }
}

#[test]
fn patches_lie_where_the_reference_cuts_them() {
    let mut seen = 0;
    for case in golden("reference.json").as_array().unwrap() {
        if !case["case"].as_str().unwrap().starts_with("patches_from_tensor") {
            continue;
        }
        let grid = Grid {
            side: size(&case["config"], "num_patches").isqrt(),
            jitter: size(&case["config"], "patch_jitter"),
        };
        let table = |axis: usize| -> Vec<usize> {
            let rows = case["jitter"][axis].as_array().unwrap();
            rows.iter()
                .flat_map(numbers)
                .map(|value| value as usize)
                .collect()
        };
        let shape = numbers(&case["image_chw"]);
        let (places, side) = grid
            .places(shape[2] as usize, shape[1] as usize, &[table(0), table(1)])
            .unwrap();
        assert_eq!(json!(places), case["top_left"]);
        assert_eq!(json!([3, side, side]), case["patch_shapes"][0]);
        seen += 1;
    }
    assert_eq!(seen, 3);
}

fn picture(width: usize, height: usize) -> Image {
    Image {
        width,
        height,
        channels: 3,
        data: (0..width * height * 3).map(|i| (i * 31 % 253) as u8).collect(),
    }
}

#[test]
fn samples_grow_as_the_reference_grows_them() {
    for case in golden("sample_wrapper.json").as_array().unwrap() {
        let size = numbers(&case["in"]["data"][0]["pil_size_wh"]);
        let sources = case["in"]["data"].as_array().unwrap().len();
        let mut list = case["transforms"].as_array().unwrap().clone();
        if list.last().unwrap()["name"] != "ToTensor" {
            list.push(json!({ "name": "ToTensor" }));
        }
        let plan = Plan::compile(&list, sources, 3).unwrap();
        let image = Arc::new(picture(size[0] as usize, size[1] as usize));
        let mut sample = Sample {
            data: vec![Entry::Picture(image); sources],
            label: numbers(&case["in"]["label"])
                .into_iter()
                .map(|id| Label::Id(id as i64))
                .collect(),
            data_valid: vec![1; sources],
            data_idx: vec![7; sources],
        };
        plan.run(&mut sample, Place::default(), None).unwrap();
        if case["out"]["error"].is_object() {
            // Explicit `indices` are an error of the reference; here they work.
            assert_eq!(sample.data.len(), sources);
            continue;
        }
        let out = &case["out"];
        assert_eq!(sample.data.len(), out["data"].as_array().unwrap().len());
        assert_eq!(json!(sample.data_valid), out["data_valid"]);
        assert_eq!(json!(sample.data_idx), out["data_idx"]);
        for (entry, wanted) in sample.data.iter().zip(out["data"].as_array().unwrap()) {
            let shape = entry.shape().unwrap();
            if let Some(wh) = wanted.get("pil_size_wh") {
                assert_eq!(json!([shape[2], shape[1]]), *wh);
            }
        }
        let labels = out["label"].as_array().unwrap();
        if case["description"].as_str().unwrap().contains("appended") {
            // The later rule: in place of the last label.
            assert_eq!(sample.label.len(), labels.len() - 1);
        } else {
            let ids: Vec<Label> = labels.iter().map(label).collect();
            assert_eq!(sample.label, ids);
        }
    }
}

#[test]
fn a_jigsaw_sample_is_patches_in_the_order_of_its_label() {
    let file = std::env::temp_dir().join(format!("vissl-perms-{}.npy", std::process::id()));
    let mut bytes = b"\x93NUMPY\x01\x00".to_vec();
    let header = "{'descr': '<i8', 'fortran_order': False, 'shape': (3, 4), }\n";
    bytes.extend((header.len() as u16).to_le_bytes());
    bytes.extend(header.as_bytes());
    let rows = [[1i64, 2, 3, 4], [4, 3, 2, 1], [2, 1, 4, 3]];
    rows.iter()
        .flatten()
        .for_each(|value| bytes.extend(value.to_le_bytes()));
    std::fs::write(&file, &bytes).unwrap();
    let list = [
        json!({ "name": "ImgPilToRawTensor" }),
        json!({ "name": "ImgPatchesFromTensor", "num_patches": 4, "patch_jitter": 1 }),
        json!({ "name": "ShuffleImgPatches", "perm_file": file }),
    ];
    // Every quadrant has one value; they come column by column.
    let mut image = Image::filled(8, 8, 3, 0);
    for y in 0..8 {
        for x in 0..8 {
            let at = (y * 8 + x) * 3;
            image.data[at..at + 3].fill((x / 4 * 2 + y / 4) as u8 * 10);
        }
    }
    let mut seen = [0; 3];
    for sample in 0..60 {
        let made = run(
            &list,
            &image,
            Place {
                sample,
                ..Place::default()
            },
        )
        .unwrap();
        let Label::Id(row) = made.label[0] else { panic!() };
        let (values, shape) = support::tensor(&made.data[0]);
        assert_eq!(shape, [4, 3, 3, 3]);
        let firsts: Vec<i64> = values
            .chunks_exact(27)
            .map(|patch| patch[0] as i64 / 10 + 1)
            .collect();
        assert_eq!(firsts, rows[row as usize]);
        seen[row as usize] += 1;
    }
    assert!(seen.iter().all(|count| *count > 5), "{seen:?}");
    std::fs::remove_file(&file).unwrap();
}

#[test]
fn rotations_decide_the_label_and_come_equally_often() {
    let image = picture(6, 6);
    let list = [json!({ "name": "ImgRotatePil" }), json!({ "name": "ToTensor" })];
    let mut seen = [0; 4];
    for sample in 0..400 {
        let made = run(
            &list,
            &image,
            Place {
                sample,
                ..Place::default()
            },
        )
        .unwrap();
        let [Label::Id(turn)] = made.label[..] else {
            panic!()
        };
        seen[turn as usize] += 1;
    }
    assert!(seen.iter().all(|count| (70..130).contains(count)), "{seen:?}");
}
