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

#[tokio::test]
async fn the_health_server_answers_from_before_main_until_after_it_and_while_the_runtime_is_blocked()
 {
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let addr = listener.local_addr().unwrap();
    let server = HealthServer::on(listener).silence(Duration::from_millis(200));
    let config = Config::new().component(server);
    let ask = move |path: &'static str| move || block_on(get(addr, path));
    let main = async move {
        let starting = tokio::task::spawn_blocking(ask("/startupz")).await.unwrap();
        let ready = lifecycle_core::draining();
        let details = tokio::task::spawn_blocking(ask("/health")).await.unwrap();
        let blocked = std::thread::spawn(move || {
            std::thread::sleep(Duration::from_millis(500));
            ask("/livez")()
        });
        std::thread::sleep(Duration::from_millis(700));
        tokio::time::sleep(Duration::from_millis(100)).await;
        let blocked = blocked.join().unwrap();
        let alive = tokio::task::spawn_blocking(ask("/livez")).await.unwrap();
        lifecycle_core::shutdown("test");
        ready.await;
        let not_ready = tokio::task::spawn_blocking(ask("/readyz")).await.unwrap();
        assert!(starting.contains("503"), "{starting}");
        assert!(details.contains("\"plan\""), "{details}");
        assert!(blocked.contains("503") && blocked.contains("[-]runtime"), "{blocked}");
        assert!(alive.contains("200 OK"), "{alive}");
        assert!(not_ready.contains("503"), "{not_ready}");
    };
    let report = Scenario::new().config(config).starting().main(main).run().await;
    assert!(report.is_clean(), "{report}");
    assert!(TcpStream::connect(addr).await.is_err(), "it is gone after the last hook");
}

#[tokio::test]
async fn a_health_server_that_cannot_listen_keeps_main_from_starting() {
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let addr = listener.local_addr().unwrap();
    let config = Config::new().health(addr);
    let main = async { unreachable!("main was polled") };
    let report = Scenario::new().config(config).starting().main(main).run().await;
    assert_eq!(report.exit_code(), 1, "{report}");
    assert!(report.to_string().contains(&addr.to_string()), "{report}");
}

/// What a check uses, a pool of connections, belongs to the runtime of the application.
#[tokio::test(flavor = "current_thread")]
async fn a_check_is_run_on_the_runtime_of_the_application() {
    let _alone = CHECKS.lock().await;
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let addr = listener.local_addr().unwrap();
    let config = Config::new().component(HealthServer::on(listener));
    let here = std::thread::current().id();
    let main = async move {
        wait_for(State::Running).await;
        let check = check("thread", move || async move {
            if std::thread::current().id() == here { Ok(()) } else { Err("elsewhere") }
        });
        let ready = tokio::task::spawn_blocking(move || block_on(get(addr, "/readyz")));
        let ready = ready.await.unwrap();
        check.remove();
        assert!(ready.contains("200 OK"), "{ready}");
    };
    let report = Scenario::new().config(config).main(main).run().await;
    assert!(report.is_clean(), "{report}");
}

fn block_on<T>(future: impl Future<Output = T>) -> T {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    runtime.block_on(future)
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
