use std::{fs, io, path::PathBuf};

use vissl_checkpoint::{Kind, atomic};

fn folder(name: &str) -> PathBuf {
    let folder = std::env::temp_dir().join(format!("vissl-checkpoint-{}-{name}", std::process::id()));
    let _ = fs::remove_dir_all(&folder);
    fs::create_dir_all(&folder).expect("a folder");
    folder
}

fn names(folder: &PathBuf) -> Vec<String> {
    let mut names: Vec<String> = fs::read_dir(folder)
        .expect("listed")
        .map(|entry| entry.expect("entry").file_name().into_string().expect("utf-8"))
        .collect();
    names.sort();
    names
}

#[test]
fn a_failed_write_leaves_the_old_file() {
    let folder = folder("full");
    let path = folder.join("model.torch");
    atomic::write_with_digest(&path, |out| out.write_all(b"old")).expect("written");
    let error = atomic::write_with_digest(&path, |out| {
        out.write_all(&[0; 1 << 17])?;
        Err(io::Error::from(io::ErrorKind::StorageFull))
    })
    .expect_err("must fail");
    assert_eq!(error.kind, Kind::Environment);
    assert!(error.message.contains("model.torch") && error.fix.contains("free some space"));
    assert_eq!(fs::read(&path).expect("read"), b"old");
    assert!(atomic::check_digest(&path).expect("verified"));
    assert_eq!(names(&folder), ["model.torch", "model.torch.sha256"]);
    fs::remove_dir_all(folder).expect("removed");
}

#[test]
fn the_digest_finds_damage_and_has_the_form_of_sha256sum() {
    let folder = folder("digest");
    let path = folder.join("m.torch");
    atomic::write_with_digest(&path, |out| out.write_all(b"abc")).expect("written");
    let sidecar = fs::read_to_string(folder.join("m.torch.sha256")).expect("read");
    assert_eq!(
        sidecar,
        "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad  m.torch\n"
    );
    fs::write(&path, b"abd").expect("damaged");
    let error = atomic::check_digest(&path).expect_err("must differ");
    assert!(error.message.contains("corrupt checkpoint") && error.fix.contains("earlier checkpoint"));
    fs::write(folder.join("m.torch.sha256"), [0xff, 0xfe]).expect("damaged");
    assert!(
        atomic::check_digest(&path)
            .expect_err("no digest")
            .message
            .contains("no SHA-256")
    );
    fs::remove_file(folder.join("m.torch.sha256")).expect("removed");
    assert!(!atomic::check_digest(&path).expect("absent"));
    fs::remove_dir_all(folder).expect("removed");
}

#[test]
fn siblings_of_killed_processes_are_in_nobodys_way() {
    let folder = folder("killed");
    for n in 0..2000 {
        let name = format!(".m.torch.{}-{n}{}", std::process::id(), atomic::TEMPORARY_SUFFIX);
        fs::write(folder.join(name), b"half").expect("left behind");
    }
    let path = folder.join("m.torch");
    atomic::write(&path, b"whole").expect("written");
    assert_eq!(fs::read(&path).expect("read"), b"whole");
    fs::remove_dir_all(folder).expect("removed");
}

#[test]
fn a_missing_folder_is_named() {
    let error = atomic::write(&PathBuf::from("/nonexistent-folder/x.torch"), b"").expect_err("must fail");
    assert!(error.message.contains("/nonexistent-folder/x.torch"));
    assert!(error.fix.contains("create the folder"));
}
