//! The loader as a whole: what comes out, independence of threads and restarts, bad data.

use std::fs;
use std::path::{Path, PathBuf};

use serde_json::{Value, json};
use vissl_data::batch::{Batch, DType};
use vissl_data::error::ErrorKind;
use vissl_data::times::Part;
use vissl_data::trace;
use vissl_data::{DataError, Loader};

/// A folder that is removed with it.
struct Folder(PathBuf);

impl Folder {
    fn new(name: &str) -> Self {
        let path = std::env::temp_dir().join(format!("vissl-data-{}-{name}", std::process::id()));
        let _ = fs::remove_dir_all(&path);
        fs::create_dir_all(&path).unwrap();
        Folder(path)
    }

    fn write(&self, path: &str, bytes: &[u8]) {
        let path = self.0.join(path);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, bytes).unwrap();
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}

fn png(width: u32, height: u32, value: u8) -> Vec<u8> {
    let mut bytes = Vec::new();
    let mut encoder = png::Encoder::new(&mut bytes, width, height);
    encoder.set_color(png::ColorType::Rgb);
    let mut writer = encoder.write_header().unwrap();
    writer
        .write_image_data(&vec![value; (width * height * 3) as usize])
        .unwrap();
    writer.finish().unwrap();
    bytes
}

fn simclr() -> Value {
    json!([
        { "name": "ImgReplicatePil", "num_times": 2 },
        { "name": "RandomResizedCrop", "size": 24 },
        { "name": "RandomHorizontalFlip" },
        { "name": "ImgPilColorDistortion", "strength": 0.5 },
        { "name": "ImgPilGaussianBlur" },
        { "name": "ToTensor" },
        { "name": "Normalize", "mean": [0.485, 0.456, 0.406], "std": [0.229, 0.224, 0.225] }
    ])
}

fn spec(changes: Value) -> String {
    let mut spec = json!({
        "sources": [{ "type": "shapes", "count": 50, "size": 32 }],
        "transforms": simclr(),
        "collate": "simclr_collator",
        "batch_size": 8,
        "seed": 3
    });
    for (key, value) in changes.as_object().unwrap() {
        spec[key] = value.clone();
    }
    spec.to_string()
}

fn folder_spec(path: &Path, changes: Value) -> String {
    let mut all = json!({
        "sources": [{ "type": "disk_folder", "path": path }],
        "transforms": [{ "name": "Resize", "size": [8, 8] }, { "name": "ToTensor" }],
        "collate": "default_collate",
        "sampler": "sequential"
    });
    for (key, value) in changes.as_object().unwrap() {
        all[key] = value.clone();
    }
    spec(all)
}

fn drain(loader: &Loader, epoch: u64, start: usize) -> Vec<Batch> {
    loader.start(epoch, start).unwrap();
    std::iter::from_fn(|| loader.next().unwrap()).collect()
}

fn bytes(batches: &[Batch]) -> Vec<&[u8]> {
    batches
        .iter()
        .flat_map(|batch| batch.tensors.iter().map(|tensor| tensor.buffer.as_slice::<u8>()))
        .collect()
}

fn longs<'a>(batch: &'a Batch, name: &str) -> &'a [i64] {
    batch.tensor(name).unwrap().buffer.as_slice()
}

fn error(spec: &str) -> DataError {
    match Loader::open(spec) {
        Ok(_) => panic!("opened {spec}"),
        Err(error) => error,
    }
}

#[test]
fn batches_do_not_depend_on_threads_or_restarts() {
    let reference = Loader::open(&spec(json!({ "workers": 0 }))).unwrap();
    let whole = drain(&reference, 5, 0);
    assert_eq!(whole.len(), 7);
    for workers in [1, 2, 4] {
        let loader = Loader::open(&spec(json!({ "workers": workers }))).unwrap();
        let again = drain(&loader, 5, 0);
        assert!(bytes(&whole) == bytes(&again), "{workers} workers");
        let tail = drain(&loader, 5, 3);
        assert!(
            bytes(&whole[3..]) == bytes(&tail),
            "restart with {workers} workers"
        );
        assert!(bytes(&whole) != bytes(&drain(&loader, 6, 0)));
    }
    let other = Loader::open(&spec(json!({ "seed": 4 }))).unwrap();
    assert!(bytes(&whole) != bytes(&drain(&other, 5, 0)));
}

#[test]
fn views_are_ordered_copy_by_copy() {
    let joined = drain(&Loader::open(&spec(json!({}))).unwrap(), 0, 0);
    let split = drain(
        &Loader::open(&spec(json!({ "collate": "default_collate" }))).unwrap(),
        0,
        0,
    );
    let (a, b) = (&joined[0], &split[0]);
    assert_eq!(a.tensor("data.0").unwrap().shape, [16, 3, 24, 24]);
    assert_eq!(a.tensor("data.0").unwrap().dtype, DType::Float32);
    assert_eq!(b.tensor("data.1").unwrap().shape, [8, 3, 24, 24]);
    let halves = |name: &str| [format!("{name}.0"), format!("{name}.1")];
    let floats = |batch: &Batch, name: &str| batch.tensor(name).unwrap().buffer.as_slice::<f32>().to_vec();
    let [first, second] = halves("data");
    assert_eq!(
        floats(a, "data.0"),
        [floats(b, &first), floats(b, &second)].concat()
    );
    for name in ["label", "data_idx", "data_valid"] {
        let [first, second] = halves(name);
        assert_eq!(
            longs(a, &format!("{name}.0")),
            [longs(b, &first), longs(b, &second)].concat()
        );
        assert_eq!(longs(b, &first), longs(b, &second));
    }
    assert_ne!(floats(b, "data.0"), floats(b, "data.1"));
    let last = joined.last().unwrap();
    assert_eq!((last.size, last.tensor("data.0").unwrap().shape[0]), (2, 4));
}

#[test]
fn channels_last_holds_the_same_numbers() {
    let first = drain(&Loader::open(&spec(json!({}))).unwrap(), 0, 6);
    let last = drain(
        &Loader::open(&spec(json!({ "channels_last": true }))).unwrap(),
        0,
        6,
    );
    let (first, last) = (
        first[0].tensor("data.0").unwrap(),
        last[0].tensor("data.0").unwrap(),
    );
    assert_eq!(first.shape, last.shape);
    let (a, b) = (first.buffer.as_slice::<f32>(), last.buffer.as_slice::<f32>());
    let plane = 24 * 24;
    for n in 0..first.shape[0] {
        for c in 0..3 {
            for at in 0..plane {
                assert_eq!(a[(n * 3 + c) * plane + at], b[(n * plane + at) * 3 + c]);
            }
        }
    }
    assert_eq!(last.buffer.as_ptr() as usize % 64, 0);
}

#[test]
fn gray_and_coloured_gray_agree() {
    let list = |channels: usize| {
        let mean = vec![0.4; channels];
        json!([
            { "name": "RandomResizedCrop", "size": 20 }, { "name": "ImgPilColorDistortion" },
            { "name": "ImgPilGaussianBlur", "p": 1.0 }, { "name": "ImgPilRandomSolarize", "p": 1.0 },
            { "name": "ToTensor" }, { "name": "Normalize", "mean": mean, "std": mean }
        ])
    };
    let source = json!([{ "type": "shapes", "count": 16, "gray": true }]);
    let open = |channels: usize| {
        let changes = json!({ "sources": source, "transforms": list(channels), "channels": channels, "batch_size": 16 });
        drain(&Loader::open(&spec(changes)).unwrap(), 0, 0)
    };
    let (gray, rgb) = (open(1), open(3));
    let (gray, rgb) = (
        gray[0].tensor("data.0").unwrap(),
        rgb[0].tensor("data.0").unwrap(),
    );
    assert_eq!((gray.shape[1], rgb.shape[1]), (1, 3));
    let planes = rgb.buffer.as_slice::<f32>().chunks_exact(400);
    for (at, plane) in planes.enumerate() {
        assert_eq!(
            plane,
            &gray.buffer.as_slice::<f32>()[at / 3 * 400..(at / 3 + 1) * 400]
        );
    }
}

#[test]
fn folders_give_classes_in_order_and_name_what_they_skip() {
    let folder = Folder::new("classes");
    for (path, value) in [
        ("b/2.PNG", 20),
        ("b/1.png", 10),
        ("a/deep/er/3.png", 30),
        ("a/4.png", 40),
    ] {
        folder.write(path, &png(6, 5, value));
    }
    folder.write("a/notes.txt", b"hello");
    folder.write("a/empty.jpg", b"");
    folder.write("b/scan.heic", b"BM");
    let loader = Loader::open(&folder_spec(&folder.0, json!({}))).unwrap();
    let source = &loader.dataset().sources[0];
    assert_eq!(source.classes(), ["a", "b"]);
    let skipped: Vec<String> = source
        .skipped()
        .iter()
        .map(|file| {
            format!(
                "{} {}",
                Path::new(&file.path).file_name().unwrap().to_str().unwrap(),
                file.reason
            )
        })
        .collect();
    assert_eq!(
        skipped,
        [
            "empty.jpg truncated: the file is empty",
            "notes.txt not an image",
            "scan.heic not an image"
        ]
    );
    let batches = drain(&loader, 0, 0);
    assert_eq!(longs(&batches[0], "label.0"), [0, 0, 1, 1]);
    let pixels = batches[0].tensor("data.0").unwrap().buffer.as_slice::<f32>();
    let values: Vec<f32> = pixels
        .chunks_exact(3 * 64)
        .map(|image| (image[0] * 255.0).round())
        .collect();
    assert_eq!(values, [40.0, 30.0, 10.0, 20.0]);

    let flat = Folder::new("flat");
    flat.write("x.png", &png(4, 4, 1));
    flat.write("sub/y.png", &png(4, 4, 2));
    let loader = Loader::open(&folder_spec(&flat.0, json!({}))).unwrap();
    assert!(loader.dataset().classes().is_empty());
    assert_eq!(longs(&drain(&loader, 0, 0)[0], "label.0"), [-1, -1]);
}

#[test]
fn broken_images_are_replaced_named_and_limited() {
    let folder = Folder::new("broken");
    for i in 0..8 {
        folder.write(&format!("{i}.png"), &png(9, 9, 200));
    }
    let good = png(9, 9, 200);
    folder.write("3.png", &good[..good.len() / 2]);
    folder.write("5.jpg", b"no image at all");
    let changes = json!({ "max_failed": 0.25, "workers": 2, "gray_size": 16 });
    let loader = Loader::open(&folder_spec(&folder.0, changes)).unwrap();
    let batches = drain(&loader, 0, 0);
    let valid: Vec<i64> = batches
        .iter()
        .flat_map(|batch| longs(batch, "data_valid.0").to_vec())
        .collect();
    assert_eq!(valid, [1, 1, 1, -1, 1, -1, 1, 1, 1]);
    assert_eq!(
        batches[0].tensor("data.0").unwrap().buffer.as_slice::<f32>()[3 * 192],
        128.0 / 255.0
    );
    let reasons: Vec<String> = loader
        .dataset()
        .failures()
        .into_iter()
        .map(|failure| failure.reason)
        .collect();
    assert_eq!(reasons, ["truncated", "not an image"]);
    assert_eq!(
        (
            loader.stats().failures,
            loader.stats().images,
            loader.stats().batches
        ),
        (2, 9, 2)
    );

    let loader = Loader::open(&folder_spec(&folder.0, json!({ "max_failed": 0.2 }))).unwrap();
    loader.start(0, 0).unwrap();
    let error = loader.next().err().unwrap();
    assert_eq!(error.kind, ErrorKind::Data);
    assert!(
        error.message.contains("2 of 9 images") && error.message.contains("5.jpg: not an image"),
        "{error}"
    );
    assert!(loader.next().unwrap().is_none());
}

#[test]
fn size_bombs_are_refused() {
    let folder = Folder::new("bomb");
    let mut bomb = png(1, 1, 0);
    // The header asks for 60000 x 60000 pixels; its checksum is made to fit.
    bomb[16..24].copy_from_slice(&[0, 0, 0xea, 0x60, 0, 0, 0xea, 0x60]);
    let sum = crc(&bomb[12..29]);
    bomb[29..33].copy_from_slice(&sum.to_be_bytes());
    folder.write("a.png", &bomb);
    folder.write("b.png", &png(3, 3, 0));
    let loader = Loader::open(&folder_spec(&folder.0, json!({ "max_failed": 0.5 }))).unwrap();
    drain(&loader, 0, 0);
    assert!(
        loader.dataset().failures()[0]
            .reason
            .starts_with("too large: 60000x60000")
    );
}

fn crc(bytes: &[u8]) -> u32 {
    !bytes.iter().fold(!0u32, |mut sum, byte| {
        sum ^= u32::from(*byte);
        (0..8).for_each(|_| sum = (sum >> 1) ^ (0xedb8_8320 * (sum & 1)));
        sum
    })
}

#[test]
fn missing_and_empty_folders_say_which() {
    let folder = Folder::new("empty");
    folder.write("readme.md", b"x");
    let missing = folder.0.join("nothing");
    for (path, text) in [
        (&missing, "does not exist"),
        (&folder.0, "holds no image"),
        (&folder.0.join("readme.md"), "is a file"),
    ] {
        let error = error(&folder_spec(path, json!({})));
        assert!(
            error.message.contains(text) && error.message.contains(path.to_str().unwrap()),
            "{error}"
        );
        assert!(error.fix.is_some());
    }
}

#[test]
fn idx_arrays_are_read_and_checked() {
    let folder = Folder::new("idx");
    let images = |count: u8| {
        let mut bytes = vec![0, 0, 8, 3, 0, 0, 0, count, 0, 0, 0, 2, 0, 0, 0, 3];
        bytes.extend((0..count * 6).collect::<Vec<u8>>());
        bytes
    };
    folder.write("train-images-idx3-ubyte", &images(3));
    folder.write("train-labels-idx1-ubyte", &[0, 0, 8, 1, 0, 0, 0, 3, 2, 0, 1]);
    let mut packed = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    std::io::Write::write_all(&mut packed, &images(2)).unwrap();
    folder.write("t10k-images-idx3-ubyte.gz", &packed.finish().unwrap());
    let open = |split: &str, path: &Path| {
        spec(json!({
            "sources": [{ "type": "idx", "path": path, "split": split }],
            "transforms": [{ "name": "ImgPilToRawTensor" }],
            "collate": "default_collate", "channels": 1, "sampler": "sequential"
        }))
    };
    let batches = drain(&Loader::open(&open("train", &folder.0)).unwrap(), 0, 0);
    assert_eq!(batches[0].tensor("data.0").unwrap().shape, [3, 1, 2, 3]);
    assert_eq!(longs(&batches[0], "label.0"), [2, 0, 1]);
    assert_eq!(
        batches[0].tensor("data.0").unwrap().buffer.as_slice::<f32>()[17],
        17.0
    );
    let batches = drain(&Loader::open(&open("test", &folder.0)).unwrap(), 0, 0);
    assert_eq!(longs(&batches[0], "label.0"), [-1, -1]);
    folder.write("train-labels-idx1-ubyte", &[0, 0, 8, 1, 0, 0, 0, 2, 2, 0]);
    assert!(
        error(&open("train", &folder.0))
            .message
            .contains("labels of shape [2] for 3 images")
    );
    folder.write("train-images-idx3-ubyte", &images(3)[..20]);
    assert!(error(&open("train", &folder.0)).message.contains("truncated"));
    assert!(
        error(&open("train", &folder.0.join("no")))
            .message
            .contains("does not exist")
    );
}

#[test]
fn wrong_transform_lists_name_index_and_choices() {
    let tensor = json!({ "name": "ToTensor" });
    let cases = [
        (
            json!([{ "name": "RandomResizeCrop" }]),
            "TRANSFORMS[0]: there is no transform named \"RandomResizeCrop\"",
            "RandomResizedCrop",
        ),
        (
            json!([tensor, { "name": "Normalize", "mean": [0.5] }]),
            "TRANSFORMS[1] Normalize: std is missing",
            "",
        ),
        (
            json!([{ "name": "ImgPilGaussianBlur", "sigma": 2 }]),
            "TRANSFORMS[0] ImgPilGaussianBlur: unknown parameter \"sigma\"",
            "radius_min",
        ),
        (
            json!([{ "name": "RandomResizedCrop", "size": "big" }]),
            "size must be a whole number",
            "",
        ),
        (
            json!([{ "name": "RandomHorizontalFlip", "p": 2 }]),
            "p must be in 0..1",
            "",
        ),
        (
            json!([{ "name": "CenterCrop", "size": 4 }]),
            "nothing turns the image into a tensor",
            "ToTensor",
        ),
        (
            json!([tensor, { "name": "CenterCrop", "size": 4 }]),
            "TRANSFORMS[1] CenterCrop: works on images",
            "before ToTensor",
        ),
        (
            json!([tensor, { "name": "Normalize", "mean": [0.5, 0.5], "std": [1.0] }]),
            "mean has 2 values for 3 channels",
            "",
        ),
        (json!(["ToTensor"]), "TRANSFORMS[0]: must be a mapping", ""),
    ];
    for (transforms, message, fix) in cases {
        let error = error(&spec(json!({ "transforms": transforms })));
        assert_eq!(error.kind, ErrorKind::Usage);
        assert!(error.message.contains(message), "{error}");
        assert!(error.fix.clone().unwrap_or_default().contains(fix), "{error}");
    }
}

#[test]
fn images_of_different_sizes_need_a_crop() {
    let folder = Folder::new("sizes");
    folder.write("a.png", &png(4, 4, 0));
    folder.write("b.png", &png(4, 5, 0));
    let loader = Loader::open(&folder_spec(
        &folder.0,
        json!({ "transforms": [{ "name": "ToTensor" }] }),
    ))
    .unwrap();
    loader.start(0, 0).unwrap();
    let error = loader.next().err().unwrap();
    assert!(
        error.message.contains("b.png") && error.message.contains("is 4x5"),
        "{error}"
    );
}

#[test]
fn stopping_at_any_point_is_clean() {
    let loader = Loader::open(&spec(json!({ "workers": 3, "prefetch": 2 }))).unwrap();
    for taken in 0..5 {
        loader.start(0, 0).unwrap();
        for _ in 0..taken {
            assert!(loader.next().unwrap().is_some());
        }
        loader.stop();
        assert!(loader.next().unwrap().is_none());
    }
    loader.start(1, 0).unwrap();
    let run = loader.current().unwrap();
    drop(loader);
    assert!(run.next().unwrap().is_none());
}

#[test]
fn ranks_and_limits_share_the_samples() {
    let mut seen: Vec<i64> = Vec::new();
    for rank in 0..2 {
        let changes =
            json!({ "world": 2, "rank": rank, "data_limit": 20, "batch_size": 4, "drop_last": true });
        let loader = Loader::open(&spec(changes)).unwrap();
        assert_eq!(
            (loader.dataset().len(), loader.dataset().batches_per_epoch()),
            (20, 2)
        );
        let batches = drain(&loader, 0, 0);
        seen.extend(
            batches
                .iter()
                .flat_map(|batch| longs(batch, "data_idx.0")[..4].to_vec()),
        );
    }
    let count = seen.len();
    seen.sort_unstable();
    seen.dedup();
    assert_eq!((count, seen.len()), (16, 16));
    assert!(seen.iter().all(|sample| *sample < 20));
    let error = error(&spec(json!({ "data_limit": 4, "drop_last": true })));
    assert!(error.message.contains("4 samples give no batch of 8"), "{error}");
}

#[test]
fn memory_that_was_used_before_changes_no_batch() {
    // 20 of 50 samples: the last batch is smaller than what it is made on.
    let changes = |workers: usize| spec(json!({ "workers": workers, "batch_size": 20 }));
    let reference = Loader::open(&changes(0)).unwrap();
    let mut addresses = std::collections::HashSet::new();
    for (workers, channels_last) in [(0, false), (1, false), (4, false), (2, true)] {
        let mut spec: Value = serde_json::from_str(&changes(workers)).unwrap();
        spec["channels_last"] = json!(channels_last);
        let loader = Loader::open(&spec.to_string()).unwrap();
        spec["workers"] = json!(0);
        let reference = if channels_last {
            &Loader::open(&spec.to_string()).unwrap()
        } else {
            &reference
        };
        for epoch in 0..4 {
            let kept = drain(reference, epoch, 0);
            loader.start(epoch, 0).unwrap();
            for wanted in &kept {
                let mut batch = loader.next().unwrap().unwrap();
                assert!(bytes(std::slice::from_ref(wanted)) == bytes(std::slice::from_ref(&batch)));
                let images = &mut batch.tensors[0].buffer;
                addresses.insert(images.as_ptr() as usize);
                images.as_mut_slice::<f32>().fill(f32::NAN);
            }
        }
    }
    assert!(
        addresses.len() < 40,
        "{} of 48 batches on memory of their own",
        addresses.len()
    );
}

#[test]
fn batches_outlive_their_loader() {
    let changes = json!({ "workers": 2, "batch_size": 20 });
    let loader = Loader::open(&spec(changes)).unwrap();
    let whole = drain(&loader, 0, 0);
    loader.start(0, 0).unwrap();
    let (first, second) = (loader.next().unwrap().unwrap(), loader.next().unwrap().unwrap());
    loader.close();
    assert!(loader.next().unwrap().is_none());
    drop(first);
    drop(loader);
    assert!(bytes(&whole[1..2]) == bytes(&[second]));
}

#[test]
fn what_threads_do_is_recorded_in_a_row_each() {
    let changes = json!({ "name": "traced", "workers": 2, "prefetch": 1 });
    let loader = Loader::open(&spec(changes)).unwrap();
    drain(&loader, 0, 0);
    assert!(trace::start());
    assert!(!trace::start());
    for epoch in 1..3 {
        assert_eq!(drain(&loader, epoch, 0).len(), 7);
    }
    let recorded = trace::stop().unwrap();
    assert!(trace::stop().is_none());
    drain(&loader, 3, 0);
    assert_eq!(recorded.dropped, 0);
    // Other tests of this process have loaders without a name.
    let rows: Vec<usize> = (0..recorded.threads.len())
        .filter(|row| recorded.threads[*row].starts_with("traced "))
        .collect();
    let mut names: Vec<&str> = rows.iter().map(|row| &recorded.threads[*row][7..]).collect();
    names.sort_unstable();
    // A thread may come too late to do anything.
    assert!(
        names.contains(&"taker") && (2..=3).contains(&names.len()),
        "{names:?}"
    );
    assert!(
        names
            .iter()
            .all(|name| ["data-0", "data-1", "taker"].contains(name))
    );
    let count = |part: Part| {
        let ours = recorded.spans.iter().filter(|span| rows.contains(&span.thread));
        ours.filter(|span| span.part == part).count()
    };
    // Of each sample and, when a batch is finished, of that.
    assert_eq!((count(Part::Transform), count(Part::Collate)), (100, 114));
    assert!(count(Part::Wait) >= 14);
    for row in rows {
        let spans: Vec<_> = recorded.spans.iter().filter(|span| span.thread == row).collect();
        assert!(spans.iter().all(|span| span.start <= span.end));
        // A thread does one thing at a time.
        assert!(spans.windows(2).all(|pair| pair[0].end <= pair[1].start));
    }
}

#[test]
fn an_order_may_be_given() {
    let loader = Loader::open(&spec(
        json!({ "transforms": [{ "name": "ToTensor" }], "collate": "default_collate" }),
    ))
    .unwrap();
    let given: Vec<u32> = (0..20).map(|i| (i * 7 + 3) % 50).collect();
    let seen = |start: usize| -> Vec<i64> {
        loader.start_in_order(given.clone(), 0, start).unwrap();
        std::iter::from_fn(|| loader.next().unwrap())
            .flat_map(|batch| longs(&batch, "data_idx.0").to_vec())
            .collect()
    };
    let expected: Vec<i64> = given.iter().map(|sample| i64::from(*sample)).collect();
    assert_eq!(seen(0), expected);
    assert_eq!(seen(2), expected[16..]);
    let error = loader.start_in_order(vec![1, 50], 0, 0).unwrap_err();
    assert!(error.message.contains("sample 50 at place 1"), "{error}");
    assert!(loader.start_in_order(vec![1; 8], 0, 2).is_err());
}
