//! Sources and labels: every form of list, and what is missing, damaged or hostile. `make.py` of
//! `__test__/golden/data-lists` makes the lists.

use std::fs;
use std::path::{Path, PathBuf};

use serde_json::{Value, json};
use vissl_data::batch::Batch;
use vissl_data::error::ErrorKind;
use vissl_data::source::{self, Raw, Source, SourceSpec};
use vissl_data::{DataError, Loader};

/// A folder that is removed with it.
struct Folder(PathBuf);

impl Folder {
    fn new(name: &str) -> Self {
        let path = std::env::temp_dir().join(format!("vissl-sources-{}-{name}", std::process::id()));
        let _ = fs::remove_dir_all(&path);
        fs::create_dir_all(&path).unwrap();
        Folder(path)
    }

    fn write(&self, path: &str, bytes: &[u8]) -> PathBuf {
        let path = self.0.join(path);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(&path, bytes).unwrap();
        path
    }

    /// Five images, of values 0, 10, …, 40.
    fn with_images(name: &str) -> Self {
        let folder = Folder::new(name);
        for i in 0..5u8 {
            folder.write(&format!("train/{i}.png"), &png(i * 10));
        }
        folder
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}

fn golden(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("../../__test__/golden/data-lists")
        .join(name)
}

fn png(value: u8) -> Vec<u8> {
    let mut bytes = Vec::new();
    let mut encoder = png::Encoder::new(&mut bytes, 4, 4);
    encoder.set_color(png::ColorType::Rgb);
    let mut writer = encoder.write_header().unwrap();
    writer.write_image_data(&[value; 48]).unwrap();
    writer.finish().unwrap();
    bytes
}

fn open(spec: Value) -> Result<Box<dyn Source>, DataError> {
    source::open(&serde_json::from_value::<SourceSpec>(spec).unwrap())
}

fn failure(spec: Value) -> DataError {
    match open(spec.clone()) {
        Err(error) => error,
        Ok(_) => panic!("{spec} opens"),
    }
}

fn bytes(source: &dyn Source, index: usize) -> Vec<u8> {
    match source.load(index).unwrap() {
        Raw::Encoded(bytes) => bytes,
        Raw::Decoded(image) => image.data,
    }
}

fn list(path: &Path, root: &Path, mmap: bool) -> Value {
    json!({ "type": "disk_filelist", "path": path, "mmap": mmap, "remove_prefix": "/data", "new_prefix": root })
}

#[test]
fn a_list_is_the_same_in_every_form() {
    let folder = Folder::with_images("forms");
    let names: Vec<String> = (0..5).map(|i| format!("/data/train/{i}.png")).collect();
    let as_json = folder.write("paths.json", json!(names).to_string().as_bytes());
    let forms = [
        "paths.npy",
        "paths-bytes.npy",
        "paths-big-endian.npy",
        "paths-object.npy",
        "paths-list.pkl",
        "paths-array.pkl",
    ];
    for path in forms.map(golden).into_iter().chain([as_json]) {
        for mmap in [true, false] {
            let source = open(list(&path, &folder.0, mmap)).unwrap();
            assert_eq!(source.len(), 5, "{}", path.display());
            for i in 0..5u8 {
                let wanted = folder.0.join(format!("train/{i}.png"));
                assert_eq!(source.name(i.into()), wanted.display().to_string());
                assert_eq!(bytes(source.as_ref(), i.into()), png(i * 10));
            }
            assert_eq!(source.label(0), None);
        }
    }
}

#[test]
fn entries_without_the_prefix_stay_as_they_are() {
    let folder = Folder::with_images("prefix");
    let here = folder.0.join("train/1.png").display().to_string();
    let path = folder.write(
        "x.json",
        json!(["/data/train/0.png", here]).to_string().as_bytes(),
    );
    let source = open(list(&path, &folder.0, true)).unwrap();
    assert_eq!(source.name(1), here);
    let plain = open(json!({ "type": "disk_filelist", "path": path })).unwrap();
    assert_eq!(plain.name(0), "/data/train/0.png");
}

#[test]
fn lists_that_are_none_are_errors_that_name_the_file() {
    let folder = Folder::with_images("bad");
    let texts = fs::read(golden("paths.npy")).unwrap();
    let cases = [
        (folder.write("empty.npy", b""), "empty.npy"),
        (folder.write("cut.npy", &texts[..texts.len() - 3]), "cut short"),
        (folder.write("no.json", b"{\"a\": 1}"), "no.json"),
        (folder.write("none.json", b"[]"), "holds no path"),
        (folder.write("x.txt", b"a.png"), "no list of a known kind"),
        (folder.0.join("train"), "is a folder"),
        (folder.0.join("nowhere.npy"), "nowhere.npy"),
        (golden("label-int64.npy"), "an array of int64"),
        (golden("label-matrix.npy"), "an array of int32"),
        (golden("hostile.pkl"), "hostile.pkl"),
        (golden("hostile.npy"), "hostile.npy"),
    ];
    for (path, part) in cases {
        for mmap in [true, false] {
            let error = failure(list(&path, &folder.0, mmap));
            assert_eq!(error.kind, ErrorKind::Data, "{error}");
            assert!(error.message.contains(part), "{part}: {error}");
            assert!(error.fix.is_some());
        }
    }
    assert!(!Path::new("HOSTILE").exists());
}

#[test]
fn a_list_of_another_machine_says_which_keys_mend_it() {
    let error = failure(json!({ "type": "disk_filelist", "path": golden("paths.npy"), "mmap": true }));
    assert!(error.message.contains("/data/train/0.png"), "{error}");
    assert!(error.fix.unwrap().contains("NEW_IMG_PATH_PREFIX"));
}

fn loader(sources: Value, changes: Value) -> Result<Loader, DataError> {
    let mut spec = json!({
        "sources": sources,
        "transforms": [{ "name": "ToTensor" }],
        "sampler": "sequential",
        "batch_size": 5
    });
    for (key, value) in changes.as_object().unwrap() {
        spec[key] = value.clone();
    }
    Loader::open(&spec.to_string())
}

fn batch(loader: &Loader) -> Batch {
    loader.start(0, 0).unwrap();
    loader.next().unwrap().unwrap()
}

fn longs(batch: &Batch, name: &str) -> (Vec<usize>, Vec<i64>) {
    let tensor = batch.tensor(name).unwrap_or_else(|| panic!("no {name}"));
    (tensor.shape.clone(), tensor.buffer.as_slice::<i64>().to_vec())
}

#[test]
fn labels_of_every_form() {
    let folder = Folder::with_images("labels");
    let sources = json!([list(&golden("paths.npy"), &folder.0, true)]);
    let read = |paths: Value| {
        let labels = json!({ "labels": [{ "type": "files", "paths": paths }] });
        longs(&batch(&loader(sources.clone(), labels).unwrap()), "label.0")
    };
    let digits = (vec![5], vec![3, 1, 4, 1, 5]);
    assert_eq!(read(json!([golden("label-int64.npy")])), digits);
    assert_eq!(read(json!([golden("label-floats.npy")])), digits);
    assert_eq!(read(json!([golden("ids.npy")])), (vec![5], vec![0, 1, 2, 3, 4]));
    // Sorted as NumPy's unique does, by code point: Ape, cat, dog, emu.
    assert_eq!(
        read(json!([golden("label-texts.npy")])),
        (vec![5], vec![2, 1, 3, 1, 0])
    );
    assert_eq!(
        read(json!([golden("label-matrix.npy")])),
        (vec![5, 2], vec![1, 0, 0, 1, -1, 1, 0, 0, 1, 1])
    );
    let with_names = loader(
        sources.clone(),
        json!({ "labels": [{ "type": "files", "paths": [golden("label-texts.npy")] }] }),
    );
    assert_eq!(
        with_names.unwrap().dataset().classes(),
        ["Ape", "cat", "dog", "emu"]
    );
}

#[test]
fn labels_that_do_not_fit_are_errors_that_name_the_file() {
    let folder = Folder::with_images("bad-labels");
    let sources = json!([list(&golden("paths.npy"), &folder.0, true)]);
    let cases = [
        (golden("label-four.npy"), "4 labels for 5 images"),
        (golden("label-nan.npy"), "label 2 is NaN"),
        (golden("hostile.npy"), "hostile.npy"),
        (golden("hostile.pkl"), "hostile.pkl"),
        (folder.0.join("none.npy"), "none.npy"),
        (
            folder.write("cut.npy", &fs::read(golden("ids.npy")).unwrap()[..130]),
            "cut.npy",
        ),
    ];
    for (path, part) in cases {
        let labels = json!({ "labels": [{ "type": "files", "paths": [path] }] });
        match loader(sources.clone(), labels) {
            Err(error) => {
                assert_eq!(error.kind, ErrorKind::Data);
                assert!(error.message.contains(part), "{part}: {error}");
            }
            Ok(_) => panic!("{} is accepted", path.display()),
        }
    }
    assert!(!Path::new("HOSTILE").exists());
}

#[test]
fn label_types_without_label_sources() {
    let folder = Folder::with_images("types");
    let sources = json!([
        list(&golden("paths.npy"), &folder.0, true),
        { "type": "shapes", "count": 5, "size": 8 }
    ]);
    let read = |kind: &str| {
        let batch = batch(&loader(sources.clone(), json!({ "label_type": kind })).unwrap());
        [longs(&batch, "label.0").1, longs(&batch, "label.1").1]
    };
    assert_eq!(read("sample_index"), [vec![0, 1, 2, 3, 4], vec![0, 1, 2, 3, 4]]);
    assert_eq!(read("zero"), [vec![0; 5], vec![0; 5]]);
    assert_eq!(read("standard")[1], [0, 1, 2, 3, 4]);
}

#[test]
fn sources_of_one_split_have_one_length() {
    let folder = Folder::with_images("lengths");
    let error = loader(
        json!([list(&golden("paths.npy"), &folder.0, true), { "type": "synthetic", "size": 4, "count": 6 }]),
        json!({}),
    );
    let error = error.err().unwrap();
    assert!(
        error.message.contains("6") && error.message.contains("5"),
        "{error}"
    );
}

#[test]
fn subsets_are_those_of_numpy() {
    let golden: Value = serde_json::from_slice(&fs::read(golden("subsets.json")).unwrap()).unwrap();
    let labels: Vec<i64> = serde_json::from_value(golden["labels"].clone()).unwrap();
    let whole = |value: &Value| value.as_u64().unwrap();
    let indices = |value: &Value| -> Vec<u32> { serde_json::from_value(value.clone()).unwrap() };
    let subset = |seed: u64, balanced: bool, skip: u64| -> vissl_data::subset::SubsetSpec {
        serde_json::from_value(json!({ "seed": seed, "balanced": balanced, "skip": skip })).unwrap()
    };
    for case in golden["unbalanced"].as_array().unwrap() {
        let spec = subset(whole(&case[3]), false, whole(&case[2]));
        let drawn = spec.draw(whole(&case[0]) as usize, whole(&case[1]) as usize, |_| None);
        assert_eq!(drawn.unwrap(), indices(&case[4]));
    }
    for case in golden["balanced"].as_array().unwrap() {
        let spec = subset(whole(&case[2]), true, whole(&case[1]));
        let drawn = spec.draw(labels.len(), whole(&case[0]) as usize, |i| Some(labels[i]));
        assert_eq!(drawn.unwrap(), indices(&case[3]));
    }
    let short = subset(0, false, 3).draw(10, 8, |_| None).unwrap_err();
    assert!(short.message.contains("11 samples"), "{short}");
    assert!(subset(0, true, 0).draw(10, 1, |i| Some(i as i64 % 2)).is_err());
    assert!(subset(0, true, 0).draw(10, 4, |_| None).is_err());
}

#[test]
fn a_replaced_image_is_an_earlier_one_and_the_same_for_any_number_of_threads() {
    let folder = Folder::with_images("queue");
    folder.write("train/3.png", b"no image");
    let sources = json!([list(&golden("paths.npy"), &folder.0, true)]);
    let pixels = |workers: usize, seed: u64| {
        let more = json!({ "replace_failed": true, "max_failed": 1.0, "workers": workers, "seed": seed });
        let loader = loader(sources.clone(), more).unwrap();
        let batch = batch(&loader);
        assert_eq!(longs(&batch, "data_valid.0").1, [1; 5]);
        assert_eq!(longs(&batch, "data_idx.0").1, [0, 1, 2, 3, 4]);
        let failures = loader.dataset().failures();
        assert_eq!(failures.len(), 1);
        assert!(failures[0].name.ends_with("3.png"));
        (batch.tensor("data.0").unwrap().buffer.as_slice::<f32>()[3 * 48] * 255.0).round() as u32
    };
    let mut seen = std::collections::BTreeSet::new();
    for seed in 0..20 {
        let value = pixels(0, seed);
        assert!([0, 10, 20].contains(&value), "{value}");
        assert_eq!(value, pixels(2, seed));
        seen.insert(value);
    }
    assert!(seen.len() > 1);
}

#[test]
fn nothing_earlier_gives_a_gray_image_that_does_not_count() {
    let folder = Folder::with_images("first");
    folder.write("train/0.png", b"no image");
    let sources = json!([list(&golden("paths.npy"), &folder.0, true)]);
    let more = json!({ "replace_failed": true, "max_failed": 1.0, "gray_size": 4 });
    let batch = batch(&loader(sources, more).unwrap());
    assert_eq!(longs(&batch, "data_valid.0").1, [-1, 1, 1, 1, 1]);
}

#[test]
fn files_that_go_while_a_run_goes_are_failures_with_names() {
    let folder = Folder::with_images("gone");
    let sources = json!([list(&golden("paths.npy"), &folder.0, true)]);
    let open = loader(sources, json!({ "max_failed": 1.0, "gray_size": 4 })).unwrap();
    fs::remove_file(folder.0.join("train/2.png")).unwrap();
    let batch = batch(&open);
    assert_eq!(longs(&batch, "data_valid.0").1, [1, 1, -1, 1, 1]);
    let failures = open.dataset().failures();
    assert!(failures[0].name.ends_with("2.png") && failures[0].reason.contains("unreadable"));
}

#[test]
fn all_images_broken_stops_with_a_list() {
    let folder = Folder::with_images("all");
    for i in 0..5 {
        folder.write(&format!("train/{i}.png"), b"");
    }
    let sources = json!([list(&golden("paths.npy"), &folder.0, true)]);
    let open = loader(sources, json!({})).unwrap();
    open.start(0, 0).unwrap();
    let error = open.next().err().unwrap();
    assert_eq!(error.kind, ErrorKind::Data);
    assert!(error.message.contains("train/0.png"), "{error}");
}

#[test]
#[cfg(unix)]
fn links_that_lead_in_a_circle_end() {
    let folder = Folder::with_images("loop");
    std::os::unix::fs::symlink(&folder.0, folder.0.join("train/again")).unwrap();
    std::os::unix::fs::symlink("nowhere", folder.0.join("train/dangling.png")).unwrap();
    let source = open(json!({ "type": "disk_folder", "path": folder.0 })).unwrap();
    assert_eq!(source.len(), 5);
    let reasons: Vec<&str> = source.skipped().iter().map(|file| file.reason.as_str()).collect();
    assert!(reasons.contains(&"a link to a folder above it"), "{reasons:?}");
    assert!(
        reasons.iter().any(|reason| reason.contains("unreadable")),
        "{reasons:?}"
    );
}

#[test]
fn tables_of_paths_and_labels() {
    let folder = Folder::with_images("table");
    let read = |text: &str| {
        let path = folder.write("x.csv", text.as_bytes());
        open(json!({ "type": "csv", "path": path })).unwrap()
    };
    let plain = read("train/0.png,7\ntrain/1.png,3\n");
    assert_eq!(
        (plain.len(), plain.label(0), plain.label(1)),
        (2, Some(7), Some(3))
    );
    assert_eq!(bytes(plain.as_ref(), 1), png(10));
    let named = read("class,id,\"path\"\r\ncat,1,train/0.png\r\n\"a, b\",2,\"train/1.png\"\r\n");
    assert_eq!(named.classes(), ["a, b", "cat"]);
    assert_eq!((named.label(0), named.label(1)), (Some(1), Some(0)));
    let unlabelled = read("path\ntrain/4.png\n");
    assert_eq!((unlabelled.len(), unlabelled.label(0)), (1, None));
    assert_eq!(bytes(unlabelled.as_ref(), 0), png(40));
    for (text, part) in [
        ("", "no image"),
        ("path,label\n", "no image"),
        ("train/0.png,1\n,2\n", "line 2 has no path"),
        ("train/0.png,1\ntrain/1.png\n", "line 2 has no label"),
    ] {
        let path = folder.write("y.csv", text.as_bytes());
        let error = failure(json!({ "type": "csv", "path": path }));
        assert!(
            error.message.contains(part) && error.message.contains("y.csv"),
            "{error}"
        );
    }
    let path = folder.write("z.csv", &[0xff, 0xfe, 0x00]);
    assert!(
        failure(json!({ "type": "csv", "path": path }))
            .message
            .contains("z.csv")
    );
}

fn member(name: &str, body: &[u8]) -> Vec<u8> {
    let mut header = [0u8; 512];
    header[..name.len()].copy_from_slice(name.as_bytes());
    header[100..108].copy_from_slice(b"0000644\0");
    header[124..136].copy_from_slice(format!("{:011o}\0", body.len()).as_bytes());
    header[156] = b'0';
    header[257..263].copy_from_slice(b"ustar\0");
    header[148..156].fill(b' ');
    let sum: u64 = header.iter().map(|byte| u64::from(*byte)).sum();
    header[148..156].copy_from_slice(format!("{sum:06o}\0 ").as_bytes());
    let mut bytes = header.to_vec();
    bytes.extend(body);
    bytes.resize(bytes.len().next_multiple_of(512), 0);
    bytes
}

fn shard(first: u8) -> Vec<u8> {
    let mut bytes = Vec::new();
    for i in first..first + 3 {
        bytes.extend(member(&format!("a/{i:06}.png"), &png(i)));
        bytes.extend(member(
            &format!("a/{i:06}.cls"),
            format!("{}\n", i % 2).as_bytes(),
        ));
    }
    bytes.resize(bytes.len() + 1024, 0);
    bytes
}

#[test]
fn tar_shards_by_folder_and_by_pattern() {
    let folder = Folder::new("tar");
    folder.write("s-000.tar", &shard(0));
    folder.write("s-001.tar", &shard(3));
    for path in [folder.0.clone(), folder.0.join("s-{000..001}.tar")] {
        let source = open(json!({ "type": "tar", "path": path })).unwrap();
        assert_eq!(source.len(), 6);
        for i in 0..6u8 {
            assert_eq!(source.label(i.into()), Some(i64::from(i % 2)));
            assert_eq!(bytes(source.as_ref(), i.into()), png(i));
            assert!(source.name(i.into()).contains(&format!("{i:06}.png")));
        }
    }
    let missing = failure(json!({ "type": "tar", "path": folder.0.join("s-{000..002}.tar") }));
    assert!(missing.message.contains("s-002.tar"), "{missing}");
    assert!(open(json!({ "type": "tar", "path": folder.0.join("s-{0..x}.tar") })).is_err());
}

#[test]
fn damaged_shards_are_errors_and_never_panics() {
    let folder = Folder::new("tar-damage");
    let good = shard(0);
    let mut state = 88_172_645_463_325_252u64;
    let mut random = || {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        state as usize
    };
    for _ in 0..400 {
        let mut bytes = good.clone();
        for _ in 0..1 + random() % 4 {
            let at = random() % bytes.len();
            bytes[at] = random() as u8;
        }
        if random() % 2 == 0 {
            bytes.truncate(random() % bytes.len());
        }
        let path = folder.write("x.tar", &bytes);
        if let Ok(source) = open(json!({ "type": "tar", "path": path })) {
            for index in 0..source.len() {
                let _ = source.load(index);
            }
        }
    }
    let path = folder.write("cut.tar", &good[..1300]);
    assert!(
        failure(json!({ "type": "tar", "path": path }))
            .message
            .contains("cut.tar")
    );
    let path = folder.write(
        "none.tar",
        b"no archive at all, but longer than a header would be."
            .repeat(20)
            .as_slice(),
    );
    assert!(
        failure(json!({ "type": "tar", "path": path }))
            .message
            .contains("none.tar")
    );
}
