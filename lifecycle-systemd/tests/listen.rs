//! Sockets passed to a process as systemd does it.

#![cfg(unix)]

use std::{
    net::TcpListener,
    os::{fd::OwnedFd, unix::net::UnixListener},
    path::{Path, PathBuf},
    process::{Command, Stdio},
};

/// What the program says, which has `socket` as its descriptor 3.
fn listen(socket: OwnedFd, variables: &str, asked: &[&str]) -> Vec<String> {
    let tests = std::env::current_exe().unwrap();
    let folder = tests.parent().and_then(Path::parent).map(PathBuf::from).unwrap();
    let output = Command::new("/bin/sh")
        .args(["-c", &format!("{variables} exec \"$0\" \"$@\" 3<&0 </dev/null")])
        .arg(folder.join("examples/listening"))
        .args(asked)
        .stdin(Stdio::from(socket))
        .output()
        .unwrap();
    let said = String::from_utf8(output.stdout).unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    said.lines().map(str::to_owned).collect()
}

const HTTP: &str = "LISTEN_PID=$$ LISTEN_FDS=1 LISTEN_FDNAMES=http";

#[test]
fn the_socket_of_that_name_is_taken_once_and_kept_from_children() {
    let socket = TcpListener::bind("127.0.0.1:0").unwrap();
    let addr = socket.local_addr().unwrap();
    let said = listen(socket.into(), HTTP, &["http", "http", "grpc"]);
    assert_eq!(said[0], format!("{addr} close-on-exec=true outlives=true"));
    assert_eq!(said[1], "listener `http`: it was asked for before; each socket is given once");
    assert_eq!(
        said[2],
        "listener `grpc`: systemd holds `http` and none of that name; write \
         `FileDescriptorName=grpc` in the .socket unit"
    );
}

#[test]
fn a_process_that_is_given_none_binds() {
    for variables in ["", "LISTEN_PID=1 LISTEN_FDS=1 LISTEN_FDNAMES=http"] {
        let socket = TcpListener::bind("127.0.0.1:0").unwrap();
        let addr = socket.local_addr().unwrap().to_string();
        let said = listen(socket.into(), variables, &["http"]);
        assert!(said[0].starts_with("127.0.0.1:") && !said[0].starts_with(&addr), "{said:?}");
        assert!(said[0].ends_with("close-on-exec=true outlives=false"), "{said:?}");
    }
}

#[test]
fn the_path_of_a_unix_socket_stays() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("shop.sock");
    let socket = UnixListener::bind(&path).unwrap();
    let said = listen(socket.into(), HTTP, &["http=/nowhere/shop.sock"]);
    assert!(said[0].contains("shop.sock") && said[0].contains("close-on-exec=true"), "{said:?}");
    assert!(!said[0].contains("nowhere"), "{said:?}");
    assert!(path.exists());
}

#[test]
fn what_is_no_such_socket_is_said() {
    let null = std::fs::File::open("/dev/null").unwrap();
    let said = listen(null.into(), HTTP, &["http"]);
    assert_eq!(said, ["listener `http`: what systemd passed is no socket"]);
    let folder = tempfile::tempdir().unwrap();
    let unix = UnixListener::bind(folder.path().join("s")).unwrap();
    let said = listen(unix.into(), HTTP, &["http"]);
    assert_eq!(
        said,
        ["listener `http`: what systemd passed is no TCP socket; look at its ListenStream="]
    );
}

#[test]
fn a_descriptor_that_is_not_open_is_an_error_and_nothing_is_bound() {
    let socket = TcpListener::bind("127.0.0.1:0").unwrap();
    let two = "LISTEN_PID=$$ LISTEN_FDS=40 LISTEN_FDNAMES=http";
    let said = listen(socket.into(), two, &["http"]);
    assert!(said[0].starts_with("LISTEN_FDS: descriptor ") && said[0].ends_with(" is not open"));
}
