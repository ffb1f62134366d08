//! Files that are no manifests to read: whatever they are, the answer comes, and soon.

use std::{fs, path::Path, time::Instant};

use lifecycle_core::{Manifest, ext::Overrides};

use super::{super::kind, plan, size::SOON};

fn said(path: &Path) -> String {
    let began = Instant::now();
    let error = kind::read(path, &Overrides::default()).err().unwrap().to_string();
    assert!(began.elapsed() < SOON, "{:?}", began.elapsed());
    error
}

#[cfg(unix)]
#[test]
fn what_never_ends_is_not_read() {
    assert_eq!(
        said(Path::new("/dev/zero")),
        "/dev/zero: a pipe or a device is no file to read; write the manifest into one"
    );
}

#[cfg(unix)]
#[test]
fn a_pipe_is_not_waited_for() {
    let folder = tempfile::tempdir().unwrap();
    let pipe = folder.path().join("k8s.yaml");
    let made = std::process::Command::new("mkfifo").arg(&pipe).status().unwrap();
    assert!(made.success());
    assert_eq!(
        said(&pipe),
        format!(
            "{}: a pipe or a device is no file to read; write the manifest into one",
            pipe.display()
        )
    );
    let beside = Manifest::at("src/tests/fixtures/statefulset.yaml").beside(&pipe);
    let error = plan().fits_manifest(beside).unwrap_err().to_string();
    assert!(error.contains("a pipe or a device"), "{error}");
}

#[test]
fn a_folder_and_what_is_no_text_and_what_is_too_large_are_refused() {
    let folder = tempfile::tempdir().unwrap();
    let here = folder.path().display().to_string();
    assert_eq!(
        said(folder.path()),
        format!("{here}: a folder is no file to read; write the manifest into one")
    );
    let path = folder.path().join("k8s.yaml");
    fs::write(&path, b"kind: Pod\nname: \xff\n").unwrap();
    assert_eq!(said(&path), format!("{here}/k8s.yaml:2: it is no text: UTF-8 is needed"));
    fs::write(&path, vec![b'#'; 8 * 1_024 * 1_024]).unwrap();
    assert_eq!(
        said(&path),
        format!("{here}/k8s.yaml: it has nothing but comments; name the file that has the service")
    );
    fs::write(&path, vec![b'#'; 8 * 1_024 * 1_024 + 1]).unwrap();
    assert_eq!(
        said(&path),
        format!("{here}/k8s.yaml: it is larger than 8 MiB, which no manifest is")
    );
}
