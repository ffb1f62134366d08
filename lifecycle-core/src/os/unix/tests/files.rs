use std::{
    ffi::CString,
    fs, io,
    os::unix::{ffi::OsStrExt, fs::PermissionsExt, process::ExitStatusExt},
    path::Path,
    time::{Duration, Instant},
};

use super::{in_process, this_test};
use crate::os::unix::{overwrite_file, replace_file};

const TIMEOUT: Duration = Duration::from_secs(10);

fn pipe_at(path: &Path) {
    let path = CString::new(path.as_os_str().as_bytes()).unwrap();
    // SAFETY: a valid path.
    assert_eq!(unsafe { libc::mkfifo(path.as_ptr(), 0o600) }, 0);
}

#[test]
fn a_file_is_replaced_for_its_owner_alone() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("report.txt");
    fs::write(&path, "an older one, which is longer").unwrap();
    let bytes = vec![b'x'; 1 << 20];
    replace_file(&path, bytes.clone(), TIMEOUT).unwrap();
    assert_eq!(fs::read(&path).unwrap(), bytes);
    assert_eq!(fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
    assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 1);
}

#[test]
fn nothing_is_written_through_what_stands_aside() {
    let folder = tempfile::tempdir().unwrap();
    let [path, victim] = ["report.txt", "victim"].map(|name| folder.path().join(name));
    fs::write(&victim, "untouched").unwrap();
    let aside = folder.path().join(format!("report.txt.{}.tmp", std::process::id()));
    std::os::unix::fs::symlink(&victim, &aside).unwrap();
    replace_file(&path, b"report".to_vec(), TIMEOUT).unwrap();
    assert_eq!(fs::read_to_string(&victim).unwrap(), "untouched");
    assert_eq!(fs::read_to_string(&path).unwrap(), "report");
    assert!(!aside.exists());
}

#[test]
fn what_cannot_be_written_says_why_and_leaves_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let kind = |path: &Path| replace_file(path, b"report".to_vec(), TIMEOUT).unwrap_err().kind();
    assert_eq!(kind(&folder.path().join("absent/report.txt")), io::ErrorKind::NotFound);
    let taken = folder.path().join("taken");
    fs::create_dir(&taken).unwrap();
    assert_eq!(kind(&taken), io::ErrorKind::IsADirectory);
    assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 1);
    let absent = folder.path().join("absent");
    let overwritten = overwrite_file(&absent, b"summary".to_vec(), TIMEOUT);
    assert_eq!(overwritten.unwrap_err().kind(), io::ErrorKind::NotFound);
    assert!(!absent.exists());
}

#[test]
fn a_file_is_overwritten_where_it_stands() {
    let file = tempfile::NamedTempFile::new().unwrap();
    fs::write(file.path(), "an older one, which is longer").unwrap();
    overwrite_file(file.path(), b"summary".to_vec(), TIMEOUT).unwrap();
    assert_eq!(fs::read_to_string(file.path()).unwrap(), "summary");
}

#[test]
fn a_file_that_hangs_is_not_waited_for_and_holds_no_other() {
    let ended = in_process(
        || {
            let folder = tempfile::tempdir().unwrap();
            // To open it waits for a reader.
            let hangs = folder.path().join("hangs");
            pipe_at(&hangs);
            let began = Instant::now();
            let open = || {
                let written = overwrite_file(&hangs, vec![7], Duration::from_millis(50));
                written.unwrap_err().kind()
            };
            assert_eq!(open(), io::ErrorKind::TimedOut);
            assert_eq!(open(), io::ErrorKind::TimedOut);
            assert!(began.elapsed() < Duration::from_secs(5));
            let path = folder.path().join("report.txt");
            replace_file(&path, b"report".to_vec(), TIMEOUT).unwrap();
            assert_eq!(fs::read_to_string(&path).unwrap(), "report");
            // It reads what it was given before, wherever this thread is by now.
            let mut pipe = fs::File::open(&hangs).unwrap();
            let mut read = Vec::new();
            io::Read::read_to_end(&mut pipe, &mut read).unwrap();
            assert_eq!(read, [7]);
        },
        this_test!(),
    );
    assert_eq!((ended.status.code(), ended.status.signal()), (Some(0), None));
}

#[test]
fn the_process_of_a_file_that_hangs_holds_none_of_our_descriptors() {
    let ended = in_process(
        || {
            let folder = tempfile::tempdir().unwrap();
            let hangs = folder.path().join("hangs");
            pipe_at(&hangs);
            let (mut reader, writer) = io::pipe().unwrap();
            overwrite_file(&hangs, vec![7], Duration::from_millis(50)).unwrap_err();
            drop(writer);
            // Were it held, there would be no end.
            io::Read::read_to_end(&mut reader, &mut Vec::new()).unwrap();
            fs::File::open(&hangs).unwrap();
        },
        this_test!(),
    );
    assert_eq!((ended.status.code(), ended.status.signal()), (Some(0), None));
}

#[test]
fn a_file_at_its_limit_is_an_error_and_not_the_end_of_the_process() {
    let ended = in_process(
        || {
            let folder = tempfile::tempdir().unwrap();
            let limit = libc::rlimit { rlim_cur: 100, rlim_max: 100 };
            // SAFETY: no handler, and a valid limit.
            unsafe {
                libc::signal(libc::SIGXFSZ, libc::SIG_DFL);
                assert_eq!(libc::setrlimit(libc::RLIMIT_FSIZE, &raw const limit), 0);
            }
            let written = replace_file(&folder.path().join("report.txt"), vec![0; 1000], TIMEOUT);
            assert_eq!(written.unwrap_err().kind(), io::ErrorKind::FileTooLarge);
            assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 0);
        },
        this_test!(),
    );
    assert_eq!((ended.status.code(), ended.status.signal()), (Some(0), None));
}

/// A thread that hangs there would keep its process from being gone.
#[test]
#[ignore = "mounts and freezes a filesystem, for which it has to be root"]
#[cfg(target_os = "linux")]
fn a_frozen_filesystem_holds_no_report() {
    const FOLDER: &str = "LIFECYCLE_OS_TEST_FOLDER";
    let mount = (!super::is_within()).then(super::Mount::new);
    let folder = mount.as_ref().map(super::Mount::path).unwrap_or_default();
    let command = super::command(
        || {
            let path = Path::new(&std::env::var_os(FOLDER).unwrap()).join("report.txt");
            let began = Instant::now();
            let write = || replace_file(&path, b"report".to_vec(), Duration::from_millis(200));
            while write().is_ok() {
                std::thread::sleep(Duration::from_millis(10));
            }
            assert!(began.elapsed() < Duration::from_secs(10));
            crate::os::unix::exit_now(7);
        },
        this_test!(),
        |command| command.arg("--ignored").env(FOLDER, &folder),
    );
    let mount = mount.expect("not within");
    let ended = mount.ending_while_frozen(command);
    assert_eq!(ended.and_then(|status| status.code()), Some(7));
    // What was late came to its end.
    assert_eq!(fs::read_to_string(folder.join("report.txt")).unwrap(), "report");
    assert_eq!(fs::read_dir(&folder).unwrap().count(), 2, "beside lost+found");
}
