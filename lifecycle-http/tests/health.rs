//! The probes, as a router and on a listener of their own.

use std::{
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};

use axum::{Router, body::Body};
use http::{Request, StatusCode};
use http_body_util::BodyExt;
use lifecycle_core::{Config, State, testing::Scenario};
use lifecycle_http::{HealthServer, check, health};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
    sync::Mutex,
    time::Instant,
};
use tower::ServiceExt;

/// Checks are the process's.
static CHECKS: Mutex<()> = Mutex::const_new(());

#[tokio::test(start_paused = true)]
async fn probes_follow_the_states() {
    let _alone = CHECKS.lock().await;
    let config = Config::new().shutdown_delay(Duration::from_secs(5));
    let scenario = Scenario::new().config(config).starting();
    assert_eq!(codes().await, [503, 503, 200, 503], "starting");
    let report = scenario
        .main(async {
            lifecycle_core::ready();
            wait_for(State::Running).await;
            assert_eq!(codes().await, [200, 200, 200, 200], "running");
            let hold = lifecycle_core::hold_ready("reload");
            assert_eq!(codes().await, [200, 503, 200, 503], "held");
            assert!(ask("/readyz").await.1.contains("held by"));
            drop(hold);
            lifecycle_core::shutdown("test");
            wait_for(State::Delaying).await;
            assert_eq!(codes().await, [200, 503, 200, 503], "delaying");
            wait_for(State::Draining).await;
            assert_eq!(codes().await, [200, 503, 200, 503], "draining");
        })
        .run()
        .await;
    assert!(report.is_clean(), "{report}");
}

#[tokio::test(start_paused = true)]
async fn a_probe_does_not_say_that_main_knows_of_the_drain() {
    let _alone = CHECKS.lock().await;
    let scenario = Scenario::new();
    ask("/readyz").await;
    let began = Instant::now();
    let report = scenario.main(std::future::pending::<()>()).shutdown("test").await;
    assert!(began.elapsed() < Duration::from_secs(1), "{report}");
}

#[tokio::test(start_paused = true)]
async fn a_check_is_part_of_readiness_and_of_nothing_else() {
    let _alone = CHECKS.lock().await;
    while_running(async {
        let check = check("data base", || async { Err("password=secret: no route to host") });
        assert_eq!(codes().await, [200, 503, 200, 503]);
        assert_eq!(
            ask("/readyz").await.1,
            "[+]lifecycle ok\n[-]data base failed: reason withheld\nreadyz check failed\n"
        );
        assert_eq!(ask("/readyz?exclude=data%20base").await, (200, "ok\n".to_owned()));
        assert_eq!(ask("/readyz/data%20base").await.0, 503);
        assert_eq!(ask("/readyz/lifecycle").await.0, 200);
        assert_eq!(ask("/readyz/nothing").await.0, 404);
        check.remove();
        assert_eq!(
            ask("/readyz?verbose").await,
            (200, "[+]lifecycle ok\nreadyz check passed\n".to_owned())
        );
    })
    .await;
}

#[tokio::test(start_paused = true)]
async fn a_check_is_asked_once_for_many_and_not_again_at_once() {
    let _alone = CHECKS.lock().await;
    while_running(async {
        let asked = Arc::new(AtomicUsize::new(0));
        let counter = Arc::clone(&asked);
        let check = check("counted", move || {
            counter.fetch_add(1, Ordering::Relaxed);
            async {
                tokio::time::sleep(Duration::from_millis(100)).await;
                Ok::<_, String>(())
            }
        })
        .cached_for(Duration::from_secs(3));
        futures_util::future::join_all((0..20).map(|_| ask("/readyz"))).await;
        assert_eq!(asked.load(Ordering::Relaxed), 1);
        tokio::time::sleep(Duration::from_secs(2)).await;
        ask("/readyz").await;
        assert_eq!(asked.load(Ordering::Relaxed), 1);
        tokio::time::sleep(Duration::from_secs(2)).await;
        ask("/readyz").await;
        assert_eq!(asked.load(Ordering::Relaxed), 2);
        check.remove();
    })
    .await;
}

#[tokio::test(start_paused = true)]
async fn a_check_that_does_not_answer_in_time_has_failed() {
    let _alone = CHECKS.lock().await;
    while_running(async {
        let check = check("mute", std::future::pending::<Result<(), String>>)
            .timeout(Duration::from_millis(300));
        let began = Instant::now();
        assert_eq!(ask("/readyz").await.0, 503);
        assert_eq!(began.elapsed().as_millis(), 300);
        check.remove();
    })
    .await;
}

#[tokio::test(start_paused = true)]
async fn json_is_for_who_asks_for_it() {
    let _alone = CHECKS.lock().await;
    while_running(async {
        let request = Request::builder().uri("/health").header("accept", "application/json");
        let response = app().oneshot(request.body(Body::empty()).unwrap()).await.unwrap();
        assert_eq!(response.headers()["content-type"], "application/json");
        assert_eq!(response.headers()["cache-control"], "no-store");
        let text = response.into_body().collect().await.unwrap().to_bytes();
        let json: serde_json::Value = serde_json::from_slice(&text).unwrap();
        assert_eq!(json["status"], "UP");
        assert_eq!(json["state"], "running");
        assert_eq!(json["in_flight"], 0);
        assert_eq!(json["ready_for_termination"], false);
        assert_eq!(json["checks"][0]["name"], "lifecycle");
        assert!(json.get("plan").is_none(), "details are for the port of operators");
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 1)]
async fn the_health_server_answers_while_the_runtime_is_blocked_and_says_so() {
    let server =
        HealthServer::start_with("127.0.0.1:0".parse().unwrap(), Duration::from_millis(200))
            .unwrap();
    let addr = server.local_addr();
    let asker = std::thread::spawn(move || {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        runtime.block_on(async {
            let alive = get(addr, "/livez").await;
            tokio::time::sleep(Duration::from_millis(600)).await;
            let blocked = get(addr, "/livez").await;
            tokio::time::sleep(Duration::from_millis(800)).await;
            (alive, blocked, get(addr, "/livez").await, get(addr, "/health").await)
        })
    });
    tokio::time::sleep(Duration::from_millis(200)).await;
    tokio::spawn(async { std::thread::sleep(Duration::from_millis(700)) }).await.unwrap();
    while !asker.is_finished() {
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    let (alive, blocked, again, details) = asker.join().unwrap();
    assert!(alive.contains("200 OK"), "{alive}");
    assert!(blocked.contains("503") && blocked.contains("[-]runtime"), "{blocked}");
    assert!(again.contains("200 OK"), "{again}");
    assert!(details.contains("\"plan\""), "{details}");
    server.stop();
    assert!(TcpStream::connect(addr).await.is_err());
}

#[tokio::test]
async fn a_health_server_says_when_it_cannot_listen() {
    let server = HealthServer::start("127.0.0.1:0".parse().unwrap()).unwrap();
    let error = HealthServer::start(server.local_addr()).unwrap_err();
    assert_eq!(error.kind(), std::io::ErrorKind::AddrInUse);
}

async fn get(addr: std::net::SocketAddr, path: &str) -> String {
    let mut socket = TcpStream::connect(addr).await.unwrap();
    let request = format!(
        "GET {path} HTTP/1.1\r\nhost: a\r\naccept: application/json\r\nconnection: close\r\n\r\n"
    );
    let request =
        if path == "/health" { request } else { request.replace("application/json", "*/*") };
    socket.write_all(request.as_bytes()).await.unwrap();
    let mut answer = String::new();
    socket.read_to_string(&mut answer).await.unwrap();
    answer
}

fn app() -> Router {
    health().into()
}

async fn ask(path: &str) -> (u16, String) {
    let request = Request::builder().uri(path).body(Body::empty()).unwrap();
    let response = app().oneshot(request).await.unwrap();
    let status: StatusCode = response.status();
    let text = response.into_body().collect().await.unwrap().to_bytes();
    (status.as_u16(), String::from_utf8(text.to_vec()).unwrap())
}

/// Started, ready, live, health.
async fn codes() -> [u16; 4] {
    [
        ask("/startupz").await.0,
        ask("/readyz").await.0,
        ask("/livez").await.0,
        ask("/health").await.0,
    ]
}

async fn wait_for(state: State) {
    while lifecycle_core::state() < state {
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
}

/// Runs `body` while the lifecycle is running.
async fn while_running(body: impl Future<Output = ()> + 'static) {
    let main = async {
        wait_for(State::Running).await;
        body.await;
    };
    let report = Scenario::new().main(main).run().await;
    assert!(report.is_clean(), "{report}");
}
