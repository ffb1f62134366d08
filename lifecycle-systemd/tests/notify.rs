//! A service and a manager that is a socket of the test's.

#![cfg(target_os = "linux")]

use std::{
    fs,
    os::{
        linux::net::SocketAddrExt,
        unix::net::{SocketAddr, UnixDatagram},
    },
    path::PathBuf,
    process::{Child, Command, Stdio},
    time::{Duration, Instant},
};

use rustix::process::{Pid, Signal, kill_process};

/// A service and what it says.
struct Service {
    child: Child,
    socket: UnixDatagram,
    began: Instant,
    /// When what was said, from the start.
    heard: Vec<(Duration, String)>,
}

fn program() -> PathBuf {
    let tests = std::env::current_exe().unwrap();
    tests.parent().and_then(std::path::Path::parent).unwrap().join("examples/notifying")
}

impl Service {
    fn start(case: &str, socket: UnixDatagram, address: &str, variables: &[(&str, &str)]) -> Self {
        socket.set_read_timeout(Some(Duration::from_millis(20))).unwrap();
        let mut command = Command::new(program());
        command.arg(case).env("NOTIFY_SOCKET", address).stderr(Stdio::null());
        for inherited in
            ["SYSTEMD_EXEC_PID", "WATCHDOG_USEC", "WATCHDOG_PID", "LIFECYCLE_E2E", "INVOCATION_ID"]
        {
            command.env_remove(inherited);
        }
        let child = command.envs(variables.iter().copied()).spawn();
        let child = child.expect("its example, which `cargo test` without `--test` builds");
        Self { child, socket, began: Instant::now(), heard: Vec::new() }
    }

    /// Reads until that was said; when it was.
    fn until(&mut self, wanted: &str) -> Duration {
        while self.began.elapsed() < Duration::from_secs(20) {
            if let Some(at) = self.said(wanted).first() {
                return *at;
            }
            self.read();
        }
        panic!("it does not say {wanted}: {:#?}", self.heard);
    }

    fn read(&mut self) {
        let mut message = [0; 4096];
        if let Ok(length) = self.socket.recv(&mut message) {
            let said = String::from_utf8_lossy(&message[..length]).into_owned();
            self.heard.push((self.began.elapsed(), said));
        }
    }

    fn terminate(&self) {
        let pid = Pid::from_raw(i32::try_from(self.child.id()).unwrap()).unwrap();
        kill_process(pid, Signal::TERM).unwrap();
    }

    /// Its exit code, once all is read.
    fn end(&mut self) -> i32 {
        let code = loop {
            self.read();
            if let Some(status) = self.child.try_wait().unwrap() {
                break status.code().unwrap();
            }
            assert!(self.began.elapsed() < Duration::from_secs(20), "it does not end");
        };
        let mut before = usize::MAX;
        while before != self.heard.len() {
            before = self.heard.len();
            self.read();
        }
        code
    }

    fn said(&self, wanted: &str) -> Vec<Duration> {
        let said = self.heard.iter().filter(|(_, said)| said.contains(wanted));
        said.map(|(at, _)| *at).collect()
    }
}

impl Drop for Service {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn in_a_folder() -> (tempfile::TempDir, UnixDatagram, String) {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("notify");
    let socket = UnixDatagram::bind(&path).unwrap();
    let path = path.to_str().unwrap().to_owned();
    (folder, socket, path)
}

#[test]
fn a_service_says_how_it_is_from_its_start_to_its_end() {
    let (_folder, socket, address) = in_a_folder();
    let mut service = Service::start("normal", socket, &address, &[]);
    service.until("STATUS=starting: held by \"migrations\"");
    // Under a hold the manager waits longer.
    let ready = service.until("READY=1");
    assert!(ready >= Duration::from_millis(1_450), "ready while it was held: {ready:?}");
    let extended = service.said("EXTEND_TIMEOUT_USEC=15000000").len();
    assert!(extended >= 1, "{:#?}", service.heard);
    service.until("STATUS=running; 1 in flight (work 1)");
    service.terminate();
    service.until("STOPPING=1");
    service.until("STATUS=draining; 1 in flight (work 1)");
    service.until("STATUS=stopping: 0 of 1 hooks have ended, flush runs");
    assert_eq!(service.end(), 0);
    assert_eq!(service.said("STATUS=stopped").len(), 1, "{:#?}", service.heard);
    assert_eq!(service.said("READY=1").len(), 1);
    assert_eq!(service.said("STOPPING=1").len(), 1);
    assert_eq!(service.said("WATCHDOG=1").len(), 0, "nobody watches");
    // The plan fits the grace period.
    assert_eq!(service.said("EXTEND_TIMEOUT_USEC").len(), extended, "{:#?}", service.heard);
}

#[test]
fn an_address_in_no_folder_is_spoken_to_as_well() {
    let name = format!("lifecycle-systemd-{}", std::process::id());
    let address = SocketAddr::from_abstract_name(&name).unwrap();
    let socket = UnixDatagram::bind_addr(&address).unwrap();
    let mut service = Service::start("normal", socket, &format!("@{name}"), &[]);
    service.until("READY=1");
    service.terminate();
    service.until("STOPPING=1");
    assert_eq!(service.end(), 0);
}

#[test]
fn the_watchdog_is_fed_while_a_hook_blocks_and_not_while_main_does() {
    const WATCHED: [(&str, &str); 1] = [("WATCHDOG_USEC", "800000")];
    let gap = |service: &Service, from: Duration, to: Duration| {
        let fed = service.said("WATCHDOG=1").into_iter().filter(|at| (from..to).contains(at));
        let times: Vec<_> = [from].into_iter().chain(fed).chain([to]).collect();
        times.windows(2).map(|two| two[1] - two[0]).max().unwrap()
    };
    let (_folder, socket, address) = in_a_folder();
    let mut service = Service::start("blocks", socket, &address, &WATCHED);
    service.until("READY=1");
    service.terminate();
    let from = service.until("blocks runs");
    assert_eq!(service.end(), 0, "{:#?}", service.heard);
    let to = service.began.elapsed();
    assert!(to - from > Duration::from_millis(900), "it blocks for a second");
    let longest = gap(&service, from, to);
    assert!(longest < Duration::from_millis(600), "{longest:?} {:#?}", service.heard);

    let (_folder, socket, address) = in_a_folder();
    let mut service = Service::start("hangs", socket, &address, &WATCHED);
    let ready = service.until("READY=1");
    while service.began.elapsed() < ready + Duration::from_millis(2_000) {
        service.read();
    }
    let last = *service.said("WATCHDOG=1").last().unwrap();
    assert!(last < ready + Duration::from_millis(900), "fed while main hung: {:#?}", service.heard);
}

#[test]
fn a_watchdog_of_another_process_is_left_alone() {
    let (_folder, socket, address) = in_a_folder();
    let watched = [("WATCHDOG_USEC", "400000"), ("WATCHDOG_PID", "1")];
    let mut service = Service::start("normal", socket, &address, &watched);
    service.until("running; 1 in flight");
    service.terminate();
    assert_eq!(service.end(), 0);
    assert_eq!(service.said("WATCHDOG=1"), []);
}

#[test]
fn a_stop_that_makes_progress_takes_longer_than_its_grace_period() {
    let (_folder, socket, address) = in_a_folder();
    let mut service = Service::start("extended", socket, &address, &[]);
    service.until("READY=1");
    service.terminate();
    let from = service.until("STOPPING=1");
    assert_eq!(service.end(), 0, "{:#?}", service.heard);
    // 5 hooks of 0.6 s, in 1.5 s.
    let took = service.began.elapsed() - from;
    assert!(took > Duration::from_millis(2_900), "{took:?}");
    // What it said reaches beyond its end, and no word is later than the one before allowed.
    let mut kill = from + Duration::from_millis(1_500);
    for (at, said) in service.heard.iter().filter(|(at, _)| *at >= from) {
        let Some(micros) = said.strip_prefix("EXTEND_TIMEOUT_USEC=") else { continue };
        assert!(*at < kill, "{at:?} is after {kill:?}");
        kill = *at + Duration::from_micros(micros.parse().unwrap());
    }
    assert!(kill > from + took, "{kill:?}");
}

#[test]
fn a_stop_that_makes_none_ends_at_its_own_deadline() {
    let (_folder, socket, address) = in_a_folder();
    let mut service = Service::start("stuck", socket, &address, &[]);
    service.until("READY=1");
    service.terminate();
    let from = service.until("STOPPING=1");
    let code = service.end();
    let took = service.began.elapsed() - from;
    assert_eq!(code, 124, "{:#?}", service.heard);
    assert!(took < Duration::from_millis(1_500), "{took:?} {:#?}", service.heard);
}

/// Nobody reads, until the socket is full.
#[test]
fn a_manager_that_does_not_read_holds_up_nothing() {
    let (_folder, socket, address) = in_a_folder();
    let flood = UnixDatagram::unbound().unwrap();
    flood.set_nonblocking(true).unwrap();
    while flood.send_to(b"FLOOD=1", &address).is_ok() {}
    let mut service = Service::start("normal", socket, &address, &[("WATCHDOG_USEC", "300000")]);
    std::thread::sleep(Duration::from_millis(2_000));
    service.terminate();
    let stopped = Instant::now();
    let code = loop {
        if let Some(status) = service.child.try_wait().unwrap() {
            break status.code();
        }
        assert!(stopped.elapsed() < Duration::from_secs(6));
        std::thread::sleep(Duration::from_millis(10));
    };
    assert_eq!(code, Some(0));
    // Drain and hook take 1 s, the report waits a moment for the last word.
    assert!(stopped.elapsed() < Duration::from_millis(2_500), "{:?}", stopped.elapsed());
}

#[test]
fn what_could_not_be_said_is_said_when_the_manager_reads_again() {
    let (_folder, socket, address) = in_a_folder();
    let flood = UnixDatagram::unbound().unwrap();
    flood.set_nonblocking(true).unwrap();
    while flood.send_to(b"FLOOD=1", &address).is_ok() {}
    let mut service = Service::start("normal", socket, &address, &[]);
    std::thread::sleep(Duration::from_millis(2_000));
    service.until("READY=1");
    service.terminate();
    assert_eq!(service.end(), 0);
}

#[test]
fn a_manager_that_goes_away_is_no_reason_to_fail() {
    let (folder, socket, address) = in_a_folder();
    let mut service = Service::start("normal", socket, &address, &[]);
    service.until("READY=1");
    fs::remove_file(folder.path().join("notify")).unwrap();
    let (_other, elsewhere, _) = in_a_folder();
    drop(std::mem::replace(&mut service.socket, elsewhere));
    service.terminate();
    service.socket.set_read_timeout(Some(Duration::from_millis(20))).unwrap();
    assert_eq!(service.end(), 0);
}

#[test]
fn a_child_with_the_library_in_it_says_nothing() {
    let (_folder, socket, address) = in_a_folder();
    let mut service = Service::start("children", socket, &address, &[]);
    assert_eq!(service.end(), 0);
    assert_eq!(service.said("READY=1").len(), 1, "{:#?}", service.heard);
    assert_eq!(service.said("STOPPING=1").len(), 1, "{:#?}", service.heard);
}

#[test]
fn an_embedder_that_lives_on_is_watched() {
    let (_folder, socket, address) = in_a_folder();
    let watched = [("WATCHDOG_USEC", "400000")];
    // Its exit is not held, as nobody runs under `main`, where the stop was no signal.
    let mut service = Service::start("lives-on", socket, &address, &watched);
    service.until("running; 1 in flight");
    service.terminate();
    let stopped = service.until("STATUS=stopped");
    assert_eq!(service.end(), 0);
    let later = service.said("WATCHDOG=1").into_iter().filter(|at| *at > stopped).count();
    assert!(later >= 5, "{:#?}", service.heard);
}
