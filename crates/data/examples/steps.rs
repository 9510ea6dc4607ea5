//! Times every step on a 500×375 or 224×224 picture: `cargo run --release -p vissl-data --example steps`.

use std::time::Instant;

use serde_json::json;
use vissl_data::image::Image;
use vissl_data::rng::{Place, Rng};
use vissl_data::transform::Plan;

fn main() {
    let mut rng = Rng::at(Place::default());
    let mut noise = |width: usize, height: usize| Image {
        width,
        height,
        channels: 3,
        data: (0..width * height * 3).map(|_| rng.below(256) as u8).collect(),
    };
    let (photo, crop) = (noise(500, 375), noise(224, 224));
    let jitter = |key: &str, value: f64| json!({ "name": "ColorJitter", key: value });
    for (image, step) in [
        (&photo, json!({ "name": "RandomResizedCrop", "size": 224 })),
        (&crop, json!({ "name": "RandomHorizontalFlip", "p": 1.0 })),
        (&crop, jitter("brightness", 0.5)),
        (&crop, jitter("contrast", 0.5)),
        (&crop, jitter("saturation", 0.5)),
        (&crop, jitter("hue", 0.2)),
        (&crop, json!({ "name": "RandomGrayscale", "p": 1.0 })),
        (&crop, json!({ "name": "ImgPilGaussianBlur", "p": 1.0 })),
        (&crop, json!({ "name": "ToTensor" })),
    ] {
        let mut list = vec![step.clone()];
        if step["name"] != "ToTensor" {
            list.push(json!({ "name": "ToTensor" }));
        }
        let plan = match Plan::compile(&list, 3) {
            Ok(plan) => plan,
            Err(error) => return eprintln!("{error}"),
        };
        let mut target = vec![0f32; 3 * 224 * 224];
        let writes = list.len() == 1;
        let began = Instant::now();
        for sample in 0..100 {
            let place = Place {
                sample,
                ..Place::default()
            };
            let done = plan.run(image, place, |_, view| {
                if writes {
                    plan.write(view, &mut target, false);
                }
                Ok(())
            });
            if let Err(error) = done {
                return eprintln!("{error}");
            }
        }
        println!("{:7.3} ms  {step}", began.elapsed().as_secs_f64() * 10.0);
    }
}
