//! Times transforms on one thread: `cargo run --release -p vissl-data --example steps [FOLDER [SECONDS]]`.
//!
//! Without a folder: every step on noise of 500×375 or 224×224. With a folder of images: samples a second of the
//! two-view SimCLR pipeline at 224, and what its parts take.

use std::sync::{Arc, LazyLock};
use std::time::Instant;

use serde_json::{Value, json};
use vissl_data::decode::{DecodeOptions, decode};
use vissl_data::entry::{Entry, Sample};
use vissl_data::image::Image;
use vissl_data::rng::{Place, Rng};
use vissl_data::transform::Plan;

type Outcome = Result<(), Box<dyn std::error::Error>>;

fn main() -> Outcome {
    let mut arguments = std::env::args().skip(1);
    match arguments.next() {
        Some(folder) => pipeline(&folder, arguments.next().map_or(Ok(5.0), |text| text.parse())?),
        None => steps(),
    }
}

/// CPU seconds of this thread where the system tells them, else seconds of a clock: other programs do not count.
fn seconds() -> f64 {
    static START: LazyLock<Instant> = LazyLock::new(Instant::now);
    let nanos = std::fs::read_to_string("/proc/thread-self/schedstat")
        .ok()
        .and_then(|text| {
            let first: Option<f64> = text.split(' ').next().and_then(|word| word.parse().ok());
            first
        });
    nanos.map_or_else(|| START.elapsed().as_secs_f64(), |nanos| nanos / 1e9)
}

fn run(plan: &Plan, image: &Arc<Image>, sample: u64, target: &mut Vec<f32>) -> Outcome {
    let mut item = Sample {
        data: vec![Entry::Picture(Arc::clone(image))],
        ..Sample::default()
    };
    let place = Place {
        sample,
        ..Place::default()
    };
    plan.run(&mut item, place, None)?;
    for entry in &item.data {
        target.resize(entry.shape().unwrap_or_default().iter().product(), 0.0);
        entry.write(target, false);
    }
    Ok(())
}

fn steps() -> Outcome {
    let mut rng = Rng::with_seed(0);
    let mut noise = |width: usize, height: usize| {
        Arc::new(Image {
            width,
            height,
            channels: 3,
            data: (0..width * height * 3).map(|_| rng.below(256) as u8).collect(),
        })
    };
    let (photo, crop) = (noise(500, 375), noise(224, 224));
    let jitter = |key: &str, value: f64| json!({ "name": "ColorJitter", key: value });
    let always = |name: &str| json!({ "name": name, "p": 1.0 });
    let mut target = Vec::new();
    let mut plain = 0.0;
    for (image, step) in [
        (&crop, json!({ "name": "Compose", "transforms": [] })),
        (&photo, json!({ "name": "RandomResizedCrop", "size": 224 })),
        (&photo, json!({ "name": "Resize", "size": 256 })),
        (&crop, always("RandomHorizontalFlip")),
        (&crop, jitter("brightness", 0.5)),
        (&crop, jitter("contrast", 0.5)),
        (&crop, jitter("saturation", 0.5)),
        (&crop, jitter("hue", 0.2)),
        (&crop, always("RandomGrayscale")),
        (&crop, always("ImgPilGaussianBlur")),
        (&crop, always("ImgPilRandomSolarize")),
        (&crop, always("RandomAutocontrast")),
        (&crop, always("RandomEqualize")),
        (
            &crop,
            json!({ "name": "RandomAdjustSharpness", "p": 1.0, "sharpness_factor": 1.5 }),
        ),
        (
            &crop,
            json!({ "name": "RandomRotation", "degrees": 30, "interpolation": "bilinear" }),
        ),
        (&crop, json!({ "name": "ImgPil2LabTensor" })),
    ] {
        let mut list = vec![step.clone()];
        if step["name"] != "ImgPil2LabTensor" {
            list.push(json!({ "name": "ToTensor" }));
        }
        let plan = Plan::compile(&list, 1, 3)?;
        run(&plan, image, 0, &mut target)?;
        let began = seconds();
        for sample in 0..200 {
            run(&plan, image, sample, &mut target)?;
        }
        let took = (seconds() - began) * 5.0;
        if step["name"] == "Compose" {
            plain = took;
            println!("{took:7.3} ms  ToTensor and writing");
        } else {
            println!("{:7.3} ms  {step}", took - plain);
        }
    }
    Ok(())
}

fn simclr() -> [Value; 7] {
    [
        json!({ "name": "ImgReplicatePil", "num_times": 2 }),
        json!({ "name": "RandomResizedCrop", "size": 224 }),
        json!({ "name": "RandomHorizontalFlip", "p": 0.5 }),
        json!({ "name": "ImgPilColorDistortion", "strength": 1.0 }),
        json!({ "name": "ImgPilGaussianBlur", "p": 0.5, "radius_min": 0.1, "radius_max": 2.0 }),
        json!({ "name": "ToTensor" }),
        json!({ "name": "Normalize", "mean": [0.485, 0.456, 0.406], "std": [0.229, 0.224, 0.225] }),
    ]
}

fn pipeline(folder: &str, duration: f64) -> Outcome {
    let mut files = Vec::new();
    for entry in std::fs::read_dir(folder)? {
        files.push(std::fs::read(entry?.path())?);
    }
    let plan = Plan::compile(&simclr(), 1, 3)?;
    let mut target = Vec::new();
    let (mut count, mut decoding) = (0u64, 0.0);
    let began = seconds();
    while seconds() - began < duration {
        let file = &files[count as usize % files.len()];
        let start = seconds();
        let image = Arc::new(decode(file, DecodeOptions::default()).map_err(|error| error.to_string())?);
        decoding += seconds() - start;
        run(&plan, &image, count, &mut target)?;
        count += 1;
    }
    let took = seconds() - began;
    println!(
        "{:.1} samples a CPU second; decoding {:.0} % ({:.3} ms each)",
        count as f64 / took,
        100.0 * decoding / took,
        1e3 * decoding / count as f64
    );
    Ok(())
}
