//! What the layer and the server cost a hello world: instructions of the server's process for each
//! request, by callgrind, and requests a second, the variants in turns.

use std::{
    io::{BufRead, BufReader, Read, Write},
    net::TcpStream,
    process::{Child, Command, Stdio},
    time::Instant,
};

use lifecycle_e2e::all_is_demanded;

const HELLO: &str = env!("CARGO_BIN_EXE_e2e-hello");
const REQUEST: &[u8] = b"GET / HTTP/1.1\r\nhost: e2e\r\n\r\n";

#[test]
fn instructions_of_a_request() {
    if cfg!(debug_assertions) {
        eprintln!("passed over: it is for an optimised build (--release)");
        return;
    }
    if Command::new("valgrind").arg("--version").stdout(Stdio::null()).status().is_err() {
        assert!(!all_is_demanded(), "valgrind is not installed");
        eprintln!("passed over: valgrind is not installed");
        return;
    }
    let count = |variant| {
        let of = |requests| instructions(variant, requests);
        (of(3_000) - of(1_000)) / 2_000
    };
    let [axum, layer, track, serve] = ["axum", "layer", "track", "serve"].map(count);
    let percent = |with: u64, without: u64| (with as f64 / without as f64 - 1.0) * 100.0;
    println!("axum::serve: {axum} instructions a request");
    println!("with a layer that does nothing: {layer}, {:+.1} %", percent(layer, axum));
    println!("with track(): {track}, {:+.1} % of that", percent(track, layer));
    println!("serve() instead of axum::serve: {serve}, {:+.1} %", percent(serve, axum));
    // What was measured, with room for another compiler.
    assert!(percent(track, layer) < 20.0, "{track} of {layer}");
    assert!(percent(serve, axum) < 10.0, "{serve} of {axum}");
}

#[test]
fn requests_a_second() {
    let mut best = [0.0_f64; 3];
    for _ in 0..30 {
        for (n, variant) in ["layer", "track", "serve"].into_iter().enumerate() {
            best[n] = best[n].max(throughput(variant, 2_000));
        }
    }
    let ratio = |n: usize| best[n] / best[0] * 100.0;
    println!(
        "requests a second: axum::serve with a layer {:.0}, with track() {:.1} %, serve() {:.1} %",
        best[0],
        ratio(1),
        ratio(2)
    );
    // A machine that does other things as well says little; far off is wrong all the same.
    assert!(ratio(1) > 70.0 && ratio(2) > 70.0, "{best:?}");
}

fn instructions(variant: &str, requests: usize) -> u64 {
    let output = tempfile::NamedTempFile::new().unwrap();
    let mut command = Command::new("valgrind");
    command
        .arg("--tool=callgrind")
        .arg(format!("--callgrind-out-file={}", output.path().display()))
        .args([HELLO, variant])
        .stderr(Stdio::null());
    let mut server = Server::start(command);
    server.ask(requests);
    server.end();
    let counted = std::fs::read_to_string(output.path()).unwrap();
    let totals = counted.lines().find_map(|line| line.strip_prefix("totals: ")).unwrap();
    totals.split(' ').next().unwrap().parse().unwrap()
}

fn throughput(variant: &str, requests: usize) -> f64 {
    let mut command = Command::new(HELLO);
    command.arg(variant);
    let mut server = Server::start(command);
    server.ask(500);
    let began = Instant::now();
    server.ask(requests);
    let rate = requests as f64 / began.elapsed().as_secs_f64();
    server.end();
    rate
}

struct Server {
    child: Child,
    client: TcpStream,
}

impl Server {
    fn start(mut command: Command) -> Self {
        let mut child = command.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap();
        let mut addr = String::new();
        BufReader::new(child.stdout.take().unwrap()).read_line(&mut addr).unwrap();
        let client = TcpStream::connect(addr.trim()).unwrap();
        client.set_nodelay(true).unwrap();
        Self { child, client }
    }

    /// One after the other on one connection.
    fn ask(&mut self, requests: usize) {
        let mut answer = [0; 1024];
        for _ in 0..requests {
            self.client.write_all(REQUEST).unwrap();
            let read = self.client.read(&mut answer).unwrap();
            assert!(answer[..read].ends_with(b"hello"));
        }
    }

    fn end(mut self) {
        drop(self.child.stdin.take());
        assert!(self.child.wait().unwrap().success());
    }
}
