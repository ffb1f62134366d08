//! Clients that speak to the server without anybody between.

use std::{
    net::{SocketAddr, TcpListener},
    sync::Arc,
    time::{Duration, Instant},
};

use lifecycle_e2e::{
    App, Listening,
    http1::{Connection, Failure},
    load::{Load, Seen, Style},
    requests, tls,
};

const APP: &str = env!("CARGO_BIN_EXE_e2e-app");
const DELAY: (&str, &str) = ("LIFECYCLE_SHUTDOWN_DELAY", "500ms");
const NO_DELAY: (&str, &str) = ("LIFECYCLE_SHUTDOWN_DELAY", "0s");

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_server_with_an_inherited_socket_is_replaced_and_nobody_notices() {
    let (seen, stops) =
        replace_under_load("lifecycle", DELAY, &[Style::Fresh, Style::Kept], 20).await;
    println!("lifecycle, inherited socket: {seen}; stops of {stops:?}");
    assert_eq!(seen.failures(), 0, "{seen}");
    assert!(seen.total() >= requests(40_000) / 2, "{seen}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn over_tls_and_grpc_as_well() {
    let (seen, _) = replace_under_load("lifecycle", DELAY, &[Style::Grpc, Style::Http2], 6).await;
    println!("lifecycle, gRPC and HTTP/2: {seen}");
    assert_eq!(seen.failures(), 0, "{seen}");
    let (seen, _) = replace_under_load("lifecycle", DELAY, &[Style::Tls], 6).await;
    println!("lifecycle, TLS: {seen}");
    assert_eq!(seen.failures(), 0, "{seen}");
}

/// The control that goes red: an own socket is away between two processes.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_server_with_a_socket_of_its_own_is_missed() {
    let mut app = App::start(APP, &Listening::Own(0), &[DELAY]);
    let addr = app.addr;
    let load = Load::new().clients(10, Style::Fresh, addr);
    for _ in 0..3 {
        tokio::time::sleep(Duration::from_millis(200)).await;
        stop(app).await;
        app = App::start(APP, &Listening::Own(addr.port()), &[DELAY]);
    }
    let seen = load.end().await;
    println!("lifecycle, own socket: {seen}");
    assert!(seen.failed.keys().any(|(_, _, failure)| *failure == Failure::Refused), "{seen}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_peers_under_the_same_restarts() {
    println!("| server | HTTP/1 failed | HTTP/2 failed | longest stop |");
    println!("|---|---|---|---|");
    for server in ["lifecycle", "axum", "axum-server", "tonic", "hyper-util"] {
        let http1 = match server {
            "tonic" => None,
            _ => Some(replace_under_load(server, DELAY, &[Style::Fresh, Style::Kept], 6).await),
        };
        let http2 = replace_under_load(server, DELAY, &[Style::Http2], 6).await;
        let longest = http1.iter().chain([&http2]).flat_map(|(_, stops)| stops).max().copied();
        let column = |seen: &Seen| format!("{} of {}", seen.failures(), seen.total());
        println!(
            "| {server} | {} | {} | {:.2?} |",
            http1.as_ref().map_or_else(|| "-".to_owned(), |(seen, _)| column(seen)),
            column(&http2.0),
            longest.unwrap_or_default(),
        );
        eprintln!("{server}: {:?} / {}", http1.as_ref().map(|(seen, _)| seen.to_string()), http2.0);
        if server == "lifecycle" {
            assert_eq!(http2.0.failures(), 0, "{}", http2.0);
            assert_eq!(http1.map(|(seen, _)| seen.failures()), Some(0));
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn without_a_delay_what_reached_the_kernel_is_answered() {
    let mut answers = 0;
    while answers < 2_000 {
        let app = App::start(APP, &Listening::Own(0), &[NO_DELAY]);
        let mut all = connections(app.addr, 50).await;
        for connection in &mut all {
            connection.send("GET", "/", "").await.unwrap();
            assert_eq!(connection.answer().await.unwrap().status, 200);
        }
        all.extend(connections(app.addr, 50).await);
        let began = Instant::now();
        app.terminate();
        for connection in &mut all {
            // It says below whether it was too late.
            let _ = connection.send("GET", "/", "").await;
        }
        let in_time = began.elapsed() < Duration::from_millis(200);
        for connection in &mut all {
            let answer = connection.answer().await;
            let is_one = matches!(&answer, Ok(answer) if [200, 503].contains(&answer.status));
            assert!(is_one || !in_time, "{answer:?}");
        }
        assert_eq!(ended(app).await, Some(0));
        // On a busy machine the test itself may come too late: then it has shown nothing.
        answers += if in_time { 100 } else { 0 };
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_connection_in_the_backlog_when_accepting_ends_is_served() {
    let mut answers = 0;
    while answers < 500 {
        let app = App::start(APP, &Listening::Own(0), &[NO_DELAY]);
        app.terminate();
        tokio::time::sleep(Duration::from_millis(235)).await;
        let mut late = Vec::new();
        for _ in 0..25 {
            // Refused: accepting has ended.
            late.extend(Connection::open(app.addr).await.ok());
        }
        for connection in &mut late {
            let _ = connection.send("GET", "/", "").await;
        }
        for connection in &mut late {
            let answer = connection.answer().await;
            assert!(matches!(&answer, Ok(answer) if answer.status == 503), "{answer:?}");
            answers += 1;
        }
        assert_eq!(ended(app).await, Some(0));
    }
}

/// A body is a part of its request: nothing else keeps this server's process.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_body_is_finished_by_the_layer_alone() {
    assert_eq!(whole_bodies(&[("SERVER", "axum-spawned"), NO_DELAY]).await, 50);
}

/// The control: a layer that lets go of a request with the head of its answer.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn without_the_body_a_request_is_cut() {
    let vars = [("SERVER", "axum-spawned"), NO_DELAY, ("UNTRACKED_BODIES", "1")];
    assert_eq!(whole_bodies(&vars).await, 0);
}

/// How many of 50 answers arrive whole whose first half was sent when the signal came.
async fn whole_bodies(vars: &[(&str, &str)]) -> usize {
    let app = App::start(APP, &Listening::Own(0), vars);
    let mut all = connections(app.addr, 50).await;
    for connection in &mut all {
        connection.send("GET", "/pieces/halfhalf", "").await.unwrap();
    }
    tokio::time::sleep(Duration::from_millis(100)).await;
    app.terminate();
    let mut whole = 0;
    for connection in &mut all {
        whole += usize::from(connection.answer().await.is_ok_and(|got| got.body == "halfhalf"));
    }
    let _ = ended(app).await;
    whole
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn while_it_delays_it_serves_and_says_that_it_is_not_ready() {
    let app = App::start(APP, &Listening::Own(0), &[("LIFECYCLE_SHUTDOWN_DELAY", "3s")]);
    let (addr, health) = (app.addr, app.health);
    assert_eq!(get(addr, "/readyz").await, Ok(200));
    app.terminate();
    let began = Instant::now();
    while get(health, "/readyz").await != Ok(503) {
        assert!(began.elapsed() < Duration::from_millis(100), "it is still ready");
    }
    let not_ready = began.elapsed();
    let probes = (0..10).map(|_| {
        tokio::spawn(async move {
            let mut live = 0;
            while let Ok(status) = get(health, "/livez").await {
                assert_eq!(status, 200, "live to the end");
                live += 1;
            }
            live
        })
    });
    let probes: Vec<_> = probes.collect();
    let mut served = 0;
    while began.elapsed() < Duration::from_millis(2_800) {
        assert_eq!(get(addr, "/").await, Ok(200));
        served += 1;
        tokio::time::sleep(Duration::from_micros(500)).await;
    }
    let mut live = 0;
    for probe in probes {
        live += probe.await.unwrap();
    }
    println!("not ready after {not_ready:?}; {served} requests served, {live} probes answered");
    assert!(not_ready < Duration::from_millis(10), "{not_ready:?}");
    assert!(live >= 1_000, "{live}");
    assert_eq!(ended(app).await, Some(0));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_server_out_of_descriptors_lives_on_and_stops_in_time() {
    let app = App::start_under("ulimit -n 64", APP, &Listening::Own(0), &[NO_DELAY]);
    let before = app.ticks();
    let flood = connections(app.addr, 120).await;
    tokio::time::sleep(Duration::from_millis(1500)).await;
    let spent = app.ticks() - before;
    assert!(spent < 50, "it spins: {spent} ticks");
    drop(flood);
    tokio::time::sleep(Duration::from_millis(1500)).await;
    assert_eq!(get(app.addr, "/").await, Ok(200));
    let _flood = connections(app.addr, 120).await;
    tokio::time::sleep(Duration::from_millis(100)).await;
    let began = Instant::now();
    assert_eq!(stop(app).await, Some(0));
    assert!(began.elapsed() < Duration::from_secs(2), "{:?}", began.elapsed());
}

/// One server after the other on one socket, under load from 50 connections.
async fn replace_under_load(
    server: &str,
    delay: (&str, &str),
    styles: &[Style],
    times: usize,
) -> (Seen, Vec<Duration>) {
    let socket = TcpListener::bind("127.0.0.1:0").unwrap();
    let addr = socket.local_addr().unwrap();
    let listening = Listening::Inherited(Arc::new(socket));
    let directory = tempfile::tempdir().unwrap();
    let mut vars = vec![("SERVER", server), delay];
    let mut load = Load::new();
    if styles.contains(&Style::Tls) {
        tls::make_certificate(directory.path());
        vars.push(("TLS", directory.path().to_str().unwrap()));
        load = load.trusting(tls::Trust::of(directory.path()));
    }
    let mut app = App::start(APP, &listening, &vars);
    for style in styles {
        load = load.clients(50 / styles.len(), *style, addr);
    }
    let wanted = if times == 20 { requests(40_000) / 2 } else { 0 };
    let mut stops = Vec::new();
    for n in 1..=times {
        tokio::time::sleep(Duration::from_millis(300)).await;
        while load.so_far() < wanted * n as u64 / times as u64 {
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
        let began = Instant::now();
        let ended = tokio::task::spawn_blocking(move || app.stop()).await.unwrap();
        stops.push(began.elapsed());
        assert_eq!(ended.code, Some(0), "{}", ended.stderr);
        app = App::start(APP, &listening, &vars);
    }
    let seen = load.end().await;
    (seen, stops)
}

async fn stop(app: App) -> Option<i32> {
    app.terminate();
    ended(app).await
}

/// Of one that was asked before: after its report another signal would end it at once.
async fn ended(app: App) -> Option<i32> {
    let ended = tokio::task::spawn_blocking(move || app.ended()).await.unwrap();
    if ended.code != Some(0) {
        eprintln!("{}", ended.stderr);
    }
    ended.code
}

async fn connections(addr: SocketAddr, count: usize) -> Vec<Connection> {
    let mut all = Vec::new();
    for _ in 0..count {
        all.push(Connection::open(addr).await.unwrap());
    }
    all
}

async fn get(addr: SocketAddr, path: &str) -> Result<u16, Failure> {
    let mut connection = Connection::open(addr).await?;
    connection.send("GET", path, "").await?;
    Ok(connection.answer().await?.status)
}
