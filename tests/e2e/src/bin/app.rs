//! The server under test. `SERVER` says by what it serves; it prints its address, and that of its
//! health listener.

use std::{
    convert::Infallible,
    error::Error,
    fs::OpenOptions,
    io::Write,
    net::{SocketAddr, TcpListener},
    sync::{Arc, Mutex},
    time::Duration,
};

use axum::{
    Router,
    body::Body,
    extract::{Path, ws::WebSocketUpgrade},
    response::IntoResponse,
    routing::{get, post},
};
use bytes::Bytes;
use lifecycle::http::{HealthServer, WebSocketExt, handshake, health, serve, track};
use tokio::signal::unix::{SignalKind, signal};
use tonic_health::server::{HealthReporter, HealthService};

type Result<T> = std::result::Result<T, Box<dyn Error + Send + Sync>>;

fn main() -> std::process::ExitCode {
    let server = var("SERVER").unwrap_or_else(|| "lifecycle".to_owned());
    let runtime = tokio::runtime::Runtime::new().expect("a runtime");
    if !["lifecycle", "axum-draining", "axum-spawned"].contains(&&*server) {
        return match runtime.block_on(peer(&server)) {
            Ok(()) => std::process::ExitCode::SUCCESS,
            Err(error) => {
                eprintln!("{error}");
                std::process::ExitCode::FAILURE
            }
        };
    }
    let code = runtime.block_on(async move {
        let health = TcpListener::bind(SocketAddr::from(([127, 0, 0, 1], 0))).expect("a port");
        let address = health.local_addr().expect("its address");
        let config = lifecycle::Config::new().component(HealthServer::on(health));
        let report = config.run(ours(server, address)).await;
        eprintln!("{}", report.to_json());
        report.exit_code()
    });
    runtime.shutdown_background();
    std::process::ExitCode::from(code)
}

async fn ours(server: String, health_addr: SocketAddr) -> Result<()> {
    let (listener, inherited) = listener()?;
    let addr = listener.local_addr()?;
    let app = app();
    let app = if var("UNTRACKED_BODIES").is_some() {
        app.layer(axum::middleware::from_fn(tracked_head))
    } else {
        app.layer(track())
    };
    let app = app.merge(health());
    if server == "axum-draining" {
        announce(addr, health_addr);
        axum::serve(listener, app).with_graceful_shutdown(lifecycle::draining()).await?;
        return Ok(());
    }
    if server == "axum-spawned" {
        announce(addr, health_addr);
        // Main waits for no server: it is what is tracked that keeps the process.
        let draining = lifecycle::draining();
        tokio::spawn(async move { axum::serve(listener, app).await });
        draining.await;
        return Ok(());
    }
    if let Some(directory) = var("TLS") {
        let acceptor = lifecycle_e2e::tls::acceptor(directory.as_ref());
        let listener =
            handshake(listener, move |socket: tokio::net::TcpStream| acceptor.accept(socket));
        announce(addr, health_addr);
        serve(listener, app).inherited().await?;
        return Ok(());
    }
    let serve = serve(listener, app);
    let serve = if inherited { serve.inherited() } else { serve };
    announce(addr, health_addr);
    serve.await?;
    Ok(())
}

/// The control: what a layer does that knows nothing of bodies.
async fn tracked_head(
    request: axum::extract::Request,
    next: axum::middleware::Next,
) -> axum::response::Response {
    static HEADS: lifecycle::Site = lifecycle::Site::new("heads");
    match HEADS.track(next.run(request)).await {
        Ok(response) => response,
        Err(refused) => refused.into_response(),
    }
}

/// The same application under what others offer, stopped by the signal itself.
async fn peer(server: &str) -> Result<()> {
    let (listener, _) = listener()?;
    let addr = listener.local_addr()?;
    let app = app().route("/readyz", get(|| async { "ok" }));
    announce(addr, addr);
    let mut terminated = signal(SignalKind::terminate())?;
    let terminated = async move {
        terminated.recv().await;
    };
    match server {
        "axum" => axum::serve(listener, app).with_graceful_shutdown(terminated).await?,
        "axum-server" => {
            let handle = axum_server::Handle::new();
            let stop = handle.clone();
            tokio::spawn(async move {
                terminated.await;
                stop.graceful_shutdown(Some(Duration::from_secs(5)));
            });
            axum_server::from_tcp(listener.into_std()?)?
                .handle(handle)
                .serve(app.into_make_service())
                .await?;
        }
        "tonic" => {
            let incoming = tonic::transport::server::TcpIncoming::from(listener);
            tonic::transport::Server::builder()
                .add_routes(tonic::service::Routes::from(app))
                .serve_with_incoming_shutdown(incoming, terminated)
                .await?;
        }
        "hyper-util" => hyper_util_graceful(listener, app, terminated).await,
        _ => return Err(format!("SERVER={server}: there is none").into()),
    }
    Ok(())
}

/// As the documentation of hyper-util has it.
async fn hyper_util_graceful(
    listener: tokio::net::TcpListener,
    app: Router,
    terminated: impl Future<Output = ()>,
) {
    use hyper_util::{
        rt::{TokioExecutor, TokioIo},
        server::{conn::auto::Builder, graceful::GracefulShutdown},
        service::TowerToHyperService,
    };
    let graceful = GracefulShutdown::new();
    let mut terminated = std::pin::pin!(terminated);
    loop {
        tokio::select! {
            Ok((socket, _)) = listener.accept() => {
                let builder = Builder::new(TokioExecutor::new());
                let service = TowerToHyperService::new(app.clone());
                let connection = builder.serve_connection_with_upgrades(TokioIo::new(socket), service);
                let connection = graceful.watch(connection.into_owned());
                tokio::spawn(async move {
                    let _ = connection.await;
                });
            }
            () = &mut terminated => {
                drop(listener);
                break;
            }
        }
    }
    tokio::select! {
        () = graceful.shutdown() => {}
        () = tokio::time::sleep(Duration::from_secs(10)) => {}
    }
}

fn app() -> Router {
    let store =
        Arc::new(Mutex::new(var("STORE").map(|path| {
            OpenOptions::new().append(true).create(true).open(path).expect("a store")
        })));
    let place = move |order: String| {
        let store = Arc::clone(&store);
        async move {
            tokio::time::sleep(Duration::from_millis(fastrand::u64(5..=50))).await;
            if let Some(store) = &mut *store.lock().expect("no writer panics") {
                store.write_all(format!("{order}\n").as_bytes()).expect("it is stored");
            }
            order
        }
    };
    // In two pieces with a pause, as a body is that takes its time.
    let pieces = |Path(n): Path<String>| async move {
        let half = n.len() / 2;
        let (first, second) = (n[..half].to_owned(), n[half..].to_owned());
        let rest = futures_util::stream::once(async move {
            tokio::time::sleep(Duration::from_millis(300)).await;
            Ok::<_, Infallible>(Bytes::from(second))
        });
        let first = futures_util::stream::once(async { Ok::<_, Infallible>(Bytes::from(first)) });
        Body::from_stream(futures_util::StreamExt::chain(first, rest))
    };
    let events = || async {
        let ticks = futures_util::stream::unfold((), |()| async {
            tokio::time::sleep(Duration::from_millis(20)).await;
            Some((Ok::<_, Infallible>(Bytes::from("data: tick\n\n")), ()))
        });
        ([("content-type", "text/event-stream")], Body::from_stream(ticks)).into_response()
    };
    let spread = var("SPREAD_MS").and_then(|spread| spread.parse().ok()).unwrap_or(0);
    let socket = move |upgrade: WebSocketUpgrade| async move {
        upgrade
            .tracked()
            .spread(Duration::from_millis(spread))
            .on_upgrade(|mut socket| async move { while socket.recv().await.is_some() {} })
    };
    // A service of gRPC like any other, below a path of its own.
    let statuses = HealthService::from_health_reporter(HealthReporter::new());
    let grpc =
        tonic::service::Routes::new(tonic_health::pb::health_server::HealthServer::new(statuses));
    Router::new()
        .nest("/app", grpc.into_axum_router().reset_fallback())
        .route("/", get(|| async { "hello" }))
        .route("/echo/{n}", get(|Path(n): Path<String>| async move { n }))
        .route("/pieces/{n}", get(pieces))
        .route("/orders", post(place))
        .route("/events", get(events))
        .route("/socket", get(socket))
}

fn listener() -> Result<(tokio::net::TcpListener, bool)> {
    let inherited = listenfd::ListenFd::from_env().take_tcp_listener(0)?;
    let is_inherited = inherited.is_some();
    let listener = match inherited {
        Some(listener) => listener,
        None => {
            let port = var("PORT").and_then(|port| port.parse().ok()).unwrap_or(0);
            TcpListener::bind(SocketAddr::from(([127, 0, 0, 1], port)))?
        }
    };
    listener.set_nonblocking(true)?;
    Ok((tokio::net::TcpListener::from_std(listener)?, is_inherited))
}

fn announce(addr: SocketAddr, health: SocketAddr) {
    println!("{addr}\n{health}");
}

fn var(name: &str) -> Option<String> {
    std::env::var(name).ok()
}
