//! Tables, tar shards, label lists, several sources, replaced images, orders: through the whole loader.

use std::fs;
use std::path::{Path, PathBuf};

use serde_json::{Value, json};
use vissl_data::batch::Batch;
use vissl_data::rng::Rng;
use vissl_data::sampler::{SamplerKind, Sharding};
use vissl_data::{DataError, Loader};

/// A folder that is removed with it.
struct Folder(PathBuf);

impl Folder {
    fn new(name: &str) -> Self {
        let path = std::env::temp_dir().join(format!("vissl-sets-{}-{name}", std::process::id()));
        let _ = fs::remove_dir_all(&path);
        fs::create_dir_all(&path).unwrap();
        Folder(path)
    }

    fn write(&self, name: &str, bytes: &[u8]) -> PathBuf {
        let path = self.0.join(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(&path, bytes).unwrap();
        path
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}

/// A plain picture as a PGM file.
fn pgm(value: u8) -> Vec<u8> {
    let mut bytes = b"P5 4 4 255\n".to_vec();
    bytes.extend([value; 16]);
    bytes
}

fn npy(descr: &str, shape: &str, data: &[u8]) -> Vec<u8> {
    let header = format!("{{'descr': '{descr}', 'fortran_order': False, 'shape': {shape}, }}\n");
    let mut bytes = b"\x93NUMPY\x01\x00".to_vec();
    bytes.extend((header.len() as u16).to_le_bytes());
    bytes.extend(header.as_bytes());
    bytes.extend(data);
    bytes
}

fn longs_npy(shape: &str, values: &[i64]) -> Vec<u8> {
    npy(
        "<i8",
        shape,
        &values
            .iter()
            .flat_map(|value| value.to_le_bytes())
            .collect::<Vec<u8>>(),
    )
}

/// A member of a tar file.
fn member(name: &str, body: &[u8]) -> Vec<u8> {
    let mut header = [0u8; 512];
    header[..name.len()].copy_from_slice(name.as_bytes());
    header[124..135].copy_from_slice(format!("{:011o}", body.len()).as_bytes());
    header[156] = b'0';
    header[257..262].copy_from_slice(b"ustar");
    header[148..156].fill(b' ');
    let sum: u32 = header.iter().map(|byte| u32::from(*byte)).sum();
    header[148..155].copy_from_slice(format!("{sum:06o}\0").as_bytes());
    let mut bytes = header.to_vec();
    bytes.extend(body);
    bytes.resize(bytes.len().next_multiple_of(512), 0);
    bytes
}

fn spec(sources: Value, changes: Value) -> String {
    let mut spec = json!({
        "sources": sources,
        "transforms": [{ "name": "ImgPilToRawTensor" }],
        "batch_size": 8,
        "sampler": "sequential"
    });
    for (key, value) in changes.as_object().unwrap() {
        spec[key] = value.clone();
    }
    spec.to_string()
}

fn first(spec: &str) -> Batch {
    let loader = Loader::open(spec).unwrap_or_else(|error| panic!("{error}"));
    loader.start(0, 0).unwrap();
    loader.next().unwrap().unwrap()
}

fn longs<'a>(batch: &'a Batch, name: &str) -> &'a [i64] {
    batch.tensor(name).unwrap().buffer.as_slice()
}

/// The value of every image of a tensor.
fn values(batch: &Batch, name: &str) -> Vec<f32> {
    let tensor = batch.tensor(name).unwrap();
    let elements: usize = tensor.shape[1..].iter().product();
    tensor
        .buffer
        .as_slice::<f32>()
        .iter()
        .step_by(elements)
        .copied()
        .collect()
}

fn error(spec: &str) -> DataError {
    match Loader::open(spec) {
        Ok(_) => panic!("opened {spec}"),
        Err(error) => error,
    }
}

#[test]
fn tables_name_images_and_labels() {
    let folder = Folder::new("table");
    for (name, value) in [("a.pgm", 10), ("sub/b, c.pgm", 20), ("d.pgm", 30)] {
        folder.write(name, &pgm(value));
    }
    let table = folder.write(
        "t.csv",
        b"label,path\nzebra,a.pgm\nant,\"sub/b, c.pgm\"\n\nzebra,d.pgm\n",
    );
    let source = |path: &Path| json!([{ "type": "csv", "path": path }]);
    let batch = first(&spec(source(&table), json!({})));
    assert_eq!(values(&batch, "data.0"), [10.0, 20.0, 30.0]);
    assert_eq!(longs(&batch, "label.0"), [1, 0, 1]);
    let plain = folder.write("p.csv", b"a.pgm,7\nd.pgm,3\n");
    assert_eq!(longs(&first(&spec(source(&plain), json!({}))), "label.0"), [7, 3]);
    let broken = folder.write("b.csv", b"a.pgm,7\nd.pgm\n");
    let found = error(&spec(source(&broken), json!({})));
    assert!(
        found.message.contains("b.csv") && found.message.contains("line 2 has no label"),
        "{found}"
    );
}

#[test]
fn tar_shards_give_their_members_by_key() {
    let folder = Folder::new("tar");
    let shard = |members: &[(&str, Vec<u8>)]| -> Vec<u8> {
        let mut bytes: Vec<u8> = members
            .iter()
            .flat_map(|(name, body)| member(name, body))
            .collect();
        bytes.resize(bytes.len() + 1024, 0);
        bytes
    };
    folder.write(
        "x-00.tar",
        &shard(&[
            ("0001.pgm", pgm(1)),
            ("0001.cls", b"4".to_vec()),
            ("0002.cls", b"5".to_vec()),
            ("0002.pgm", pgm(2)),
            ("notes.txt", b"n".to_vec()),
        ]),
    );
    folder.write(
        "x-01.tar",
        &shard(&[
            ("d/0003.pgm", pgm(3)),
            ("d/0003.json", br#"{"label": 6}"#.to_vec()),
        ]),
    );
    let source = |path: PathBuf| json!([{ "type": "tar", "path": path }]);
    for path in [folder.0.clone(), folder.0.join("x-{00..01}.tar")] {
        let batch = first(&spec(source(path), json!({})));
        assert_eq!(values(&batch, "data.0"), [1.0, 2.0, 3.0]);
        assert_eq!(longs(&batch, "label.0"), [4, 5, 6]);
    }
    let whole = fs::read(folder.0.join("x-00.tar")).unwrap();
    for cut in [700, 1300] {
        let path = folder.write("cut.tar", &whole[..cut]);
        let outcome = Loader::open(&spec(source(path), json!({})));
        assert!(outcome.is_err(), "{cut}");
    }
    let mut damaged = whole.clone();
    damaged[130] ^= 0x55;
    let path = folder.write("damaged.tar", &damaged);
    assert!(
        error(&spec(source(path), json!({})))
            .message
            .contains("damaged at byte 0")
    );
    assert!(
        error(&spec(source(folder.0.join("x-{1..}.tar")), json!({})))
            .message
            .contains("no range")
    );
}

#[test]
fn labels_come_from_lists_of_many_kinds() {
    let folder = Folder::new("labels");
    for i in 0..3u8 {
        folder.write(&format!("{i}.pgm"), &pgm(i));
    }
    let source = json!([{ "type": "disk_folder", "path": folder.0, "labels": false }]);
    let with = |paths: Vec<PathBuf>, more: Value| {
        let mut changes = json!({ "labels": [{ "type": "files", "paths": paths }] });
        for (key, value) in more.as_object().unwrap() {
            changes[key] = value.clone();
        }
        spec(source.clone(), changes)
    };
    let ids = folder.write("ids.npy", &longs_npy("(3,)", &[5, 6, 7]));
    let rows = folder.write("rows.npy", &longs_npy("(3, 2)", &[0, 1, -1, 0, 1, 1]));
    let names = folder.write("names.npy", &npy("|S3", "(3,)", b"dogcatdog"));
    let batch = first(&with(vec![ids.clone()], json!({})));
    assert_eq!(longs(&batch, "label.0"), [5, 6, 7]);
    let batch = first(&with(vec![rows.clone()], json!({})));
    assert_eq!(batch.tensor("label.0").unwrap().shape, [3, 2]);
    assert_eq!(longs(&batch, "label.0"), [0, 1, -1, 0, 1, 1]);
    let loader = Loader::open(&with(vec![names.clone()], json!({}))).unwrap();
    assert_eq!(loader.dataset().classes(), ["cat", "dog"]);
    assert_eq!(longs(&first(&with(vec![names], json!({}))), "label.0"), [1, 0, 1]);
    let several = first(&with(vec![ids.clone(), ids.clone()], json!({})));
    assert_eq!(several.tensor("label.0").unwrap().shape, [3, 2]);
    // Two lists of lists are the classes present and the classes absent.
    let json_list = |name: &str, text: &str| folder.write(name, text.as_bytes());
    let (present, absent) = (
        json_list("p.json", "[[0], [1, 2], []]"),
        json_list("a.json", "[[1], [], [0]]"),
    );
    let targets =
        json!({ "collate": "targets_one_hot_default_collator", "collate_params": { "num_classes": 3 } });
    let batch = first(&with(vec![present, absent], targets));
    assert_eq!(longs(&batch, "label.0"), [1, 0, -1, -1, 1, 1, 0, -1, -1]);
    let short = folder.write("short.npy", &longs_npy("(2,)", &[5, 6]));
    assert!(
        error(&with(vec![short], json!({})))
            .message
            .contains("2 labels for 3 images")
    );
    let half = folder.write(
        "half.npy",
        &npy(
            "<f8",
            "(3,)",
            &[0.0f64, 0.5, f64::NAN].map(f64::to_le_bytes).concat(),
        ),
    );
    assert!(
        error(&with(vec![half], json!({})))
            .message
            .contains("label 1 is 0.5")
    );
    let cut = folder.write("cut.npy", &longs_npy("(3,)", &[5]));
    assert!(error(&with(vec![cut], json!({}))).message.contains("truncated"));
    assert!(
        error(&with(vec![folder.0.join("none.npy")], json!({})))
            .message
            .contains("none.npy")
    );
}

#[test]
fn two_sources_give_two_entries_and_must_be_equally_long() {
    let folder = Folder::new("two");
    for i in 0..2u8 {
        folder.write(&format!("a/{i}.pgm"), &pgm(i + 1));
        folder.write(&format!("b/{i}.pgm"), &pgm(i + 101));
    }
    let of = |name: &str| json!({ "type": "disk_folder", "path": folder.0.join(name), "labels": false });
    let changes = json!({ "transforms": [
        { "name": "RandomInvert", "p": 1.0, "indices": [1] }, { "name": "ImgPilToRawTensor" }
    ]});
    let batch = first(&spec(json!([of("a"), of("b")]), changes));
    assert_eq!(values(&batch, "data.0"), [1.0, 2.0]);
    assert_eq!(values(&batch, "data.1"), [154.0, 153.0]);
    assert_eq!(longs(&batch, "data_idx.1"), [0, 1]);
    folder.write("b/9.pgm", &pgm(9));
    assert!(
        error(&spec(json!([of("a"), of("b")]), json!({})))
            .message
            .contains("data source 1 has 3 images")
    );
}

#[test]
fn a_broken_image_is_replaced_by_an_earlier_one_of_the_same_rank() {
    let folder = Folder::new("queue");
    for i in 0..24u8 {
        let name = format!("{i:02}.pgm");
        folder.write(&name, if i % 6 == 5 { b"no" } else { &[] });
        if i % 6 != 5 {
            folder.write(&name, &pgm(i));
        }
    }
    let source = json!([{ "type": "disk_folder", "path": folder.0, "labels": false }]);
    let run = |workers: usize| -> Vec<f32> {
        let changes = json!({ "replace_failed": true, "max_failed": 0.5, "workers": workers, "gray_size": 4,
            "label_type": "sample_index" });
        let loader = Loader::open(&spec(source.clone(), changes)).unwrap();
        loader.start(0, 0).unwrap();
        let mut all = Vec::new();
        while let Some(batch) = loader.next().unwrap() {
            assert!(longs(&batch, "data_valid.0").iter().all(|valid| *valid == 1));
            all.extend(values(&batch, "data.0"));
        }
        assert_eq!(loader.stats().failures, 4);
        all
    };
    let found = run(0);
    for (at, value) in found.iter().enumerate() {
        match at % 6 {
            5 => assert!(*value < at as f32 && *value % 6.0 != 5.0, "{at} {value}"),
            _ => assert_eq!(*value, at as f32),
        }
    }
    assert_eq!(run(3), found);
}

#[test]
fn every_index_comes_once_an_epoch() {
    let mut rng = Rng::with_seed(5);
    for _ in 0..200 {
        let (len, world) = (1 + rng.below(300), 1 + rng.below(7));
        for kind in [
            SamplerKind::Distributed,
            SamplerKind::Stateful,
            SamplerKind::Keyed,
            SamplerKind::Sequential,
            SamplerKind::Debugging,
        ] {
            let drop_tail = rng.chance(0.5);
            let mut seen = vec![0usize; len];
            for rank in 0..world {
                let order = Sharding {
                    kind,
                    len,
                    rank,
                    world,
                    drop_tail,
                    seed: 3,
                }
                .order(7)
                .unwrap();
                (0..order.len()).for_each(|at| seen[order.get(at)] += 1);
            }
            let total: usize = seen.iter().sum();
            let drops = matches!(kind, SamplerKind::Stateful | SamplerKind::Debugging)
                || (kind == SamplerKind::Keyed && drop_tail);
            let wanted = if drops {
                len / world * world
            } else {
                len.div_ceil(world) * world
            };
            assert_eq!(total, wanted, "{kind:?} {len} {world}");
            let most = if drops {
                1
            } else {
                1 + (wanted - len).div_ceil(len)
            };
            assert!(seen.iter().all(|count| *count <= most), "{kind:?} {len} {world}");
            if !drops {
                assert!(seen.iter().all(|count| *count >= 1), "{kind:?} {len} {world}");
            }
        }
    }
}

#[test]
fn a_billion_samples_begin_at_once() {
    let changes = json!({ "sampler": "keyed", "transforms": [{ "name": "ToTensor" }], "workers": 2 });
    let loader = Loader::open(&spec(
        json!([{ "type": "synthetic", "size": 8, "count": 1_000_000_000u64 }]),
        changes,
    ))
    .unwrap();
    loader.start(3, 100_000_000).unwrap();
    let batch = loader.next().unwrap().unwrap();
    assert_eq!(batch.index, 100_000_000);
    let bounded = json!({ "sampler": "keyed", "transforms": [{ "name": "ToTensor" }], "workers": 4, "prefetch": 64, "prefetch_bytes": 1 });
    let loader = Loader::open(&spec(
        json!([{ "type": "synthetic", "size": 8, "count": 100 }]),
        bounded,
    ))
    .unwrap();
    loader.start(0, 0).unwrap();
    let count = std::iter::from_fn(|| loader.next().unwrap()).count();
    assert_eq!(count, 13);
}

#[test]
fn decoded_images_are_kept_up_to_the_limit() {
    let folder = Folder::new("cache");
    for i in 0..6u8 {
        folder.write(&format!("{i}.pgm"), &pgm(i));
    }
    let source = json!([{ "type": "disk_folder", "path": folder.0, "labels": false }]);
    let loader = Loader::open(&spec(
        source,
        json!({ "cache_bytes": 64, "max_failed": 0.9, "gray_size": 4 }),
    ))
    .unwrap();
    let all = |epoch| {
        loader.start(epoch, 0).unwrap();
        values(&loader.next().unwrap().unwrap(), "data.0")
    };
    assert_eq!(all(0), [0.0, 1.0, 2.0, 3.0, 4.0, 5.0]);
    // The files are gone; four images of 16 bytes are remembered.
    for i in 0..6 {
        fs::remove_file(folder.0.join(format!("{i}.pgm"))).unwrap();
    }
    assert_eq!(all(1), [0.0, 1.0, 2.0, 3.0, 128.0, 128.0]);
}

#[test]
fn damaged_lists_and_strips_are_errors_not_panics() {
    let good = [
        longs_npy("(3, 2)", &[1, 2, 3, 4, 5, 6]),
        npy("<U2", "(2,)", &[97u32, 98, 99, 0].map(u32::to_le_bytes).concat()),
    ];
    for bytes in &good {
        assert!(vissl_data::npy::parse(bytes).is_ok());
        for at in 0..bytes.len() {
            for change in [0x01, 0x10, 0x80] {
                let mut damaged = bytes.clone();
                damaged[at] ^= change;
                let _ = vissl_data::npy::parse(&damaged);
            }
            let _ = vissl_data::npy::parse(&bytes[..at]);
        }
    }
    assert!(vissl_data::npy::parse(&npy("<U0", "(999999999999999999,)", &[])).is_err());
    let folder = Folder::new("strip");
    let mut strip = b"P5 1 9000 255\n".to_vec();
    strip.resize(strip.len() + 9000, 1);
    folder.write("s.pgm", &strip);
    let list = json!([{ "name": "Resize", "size": 16384 }, { "name": "ToTensor" }]);
    let source = json!([{ "type": "disk_folder", "path": folder.0, "labels": false }]);
    let loader = Loader::open(&spec(source, json!({ "transforms": list }))).unwrap();
    loader.start(0, 0).unwrap();
    let error = loader.next().err().unwrap();
    assert!(
        error.message.contains("s.pgm") && error.message.contains("Resize would make"),
        "{error}"
    );
}
