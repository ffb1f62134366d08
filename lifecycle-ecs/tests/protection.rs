//! The protection against a stand-in of the agent's endpoint, each in a process of its own, as a
//! process runs once.

use std::{
    io,
    process::Command,
    sync::{Arc, Mutex, PoisonError},
    time::{Duration, Instant},
};

use lifecycle_core::{Config, Site};
use lifecycle_ecs::ScaleInProtection;
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{TcpListener, TcpStream},
    time::sleep,
};

static WORK: Site = Site::new("work");

const KEPT: &str = r#"{"protection":{"ExpirationDate":"2026-01-01T00:00:00Z","ProtectionEnabled":true,"TaskArn":"arn"}}"#;
const FAILED: &str = r#"{"failure":{"Arn":"arn","Detail":null,"Reason":"DEPLOYMENT_BLOCKED"}}"#;
const DENIED: &str = r#"{"error":{"Code":"AccessDeniedException","Message":"not allowed"}}"#;

/// What was asked of the agent.
type Asked = Arc<Mutex<Vec<(Instant, String, String)>>>;

/// An agent that answers the nth request with this; `None`: never.
async fn agent(answer: fn(usize) -> Option<(u16, &'static str)>) -> (String, Asked) {
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let uri = format!("http://{}/api/0123", listener.local_addr().expect("its address"));
    let asked = Asked::default();
    let noted = Arc::clone(&asked);
    tokio::spawn(async move {
        while let Ok((socket, _)) = listener.accept().await {
            let noted = Arc::clone(&noted);
            tokio::spawn(async move {
                let _ = serve(socket, &noted, answer).await;
            });
        }
    });
    (uri, asked)
}

async fn serve(
    mut socket: TcpStream,
    noted: &Asked,
    answer: fn(usize) -> Option<(u16, &'static str)>,
) -> io::Result<()> {
    let mut request = Vec::new();
    let (head, body) = loop {
        if socket.read_buf(&mut request).await? == 0 {
            return Ok(());
        }
        let text = String::from_utf8_lossy(&request).into_owned();
        if let Some((head, body)) = text.split_once("\r\n\r\n")
            && body.ends_with('}')
        {
            break (head.to_owned(), body.to_owned());
        }
    };
    let line = head.lines().next().unwrap_or_default().to_owned();
    let n = {
        let mut noted = noted.lock().unwrap_or_else(PoisonError::into_inner);
        noted.push((Instant::now(), line, body));
        noted.len() - 1
    };
    let Some((status, body)) = answer(n) else { return std::future::pending().await };
    let length = body.len();
    let answer = format!("HTTP/1.1 {status} OK\r\ncontent-length: {length}\r\n\r\n{body}");
    socket.write_all(answer.as_bytes()).await
}

fn bodies(asked: &Asked) -> Vec<String> {
    let asked = asked.lock().unwrap_or_else(PoisonError::into_inner);
    for (_, line, _) in &*asked {
        assert_eq!(line, "PUT /api/0123/task-protection/v1/state HTTP/1.1");
    }
    asked.iter().map(|(_, _, body)| body.clone()).collect()
}

const PROTECT: &str = r#"{"ExpiresInMinutes":1,"ProtectionEnabled":true}"#;
const RELEASE: &str = r#"{"ProtectionEnabled":false}"#;

async fn run(protection: ScaleInProtection, main: impl Future<Output = ()>) {
    let config = protection
        .expires_in(Duration::from_secs(1))
        .released_after(Duration::from_millis(500))
        .request_timeout(Duration::from_millis(500))
        .add_to(Config::new());
    let report = config.run(main).await;
    assert!(report.is_clean(), "{report}");
    assert!(report.total() < Duration::from_secs(1), "{report}");
}

async fn busy_for(time: Duration) {
    lifecycle_core::ready();
    let guard = WORK.admit().expect("it runs");
    sleep(time).await;
    drop(guard);
}

/// It is asked for once for many jobs in a row, and given back once.
async fn granted() {
    let (uri, asked) = agent(|_| Some((200, KEPT))).await;
    let main = async {
        for _ in 0..4 {
            busy_for(Duration::from_millis(150)).await;
            sleep(Duration::from_millis(150)).await;
        }
        assert_eq!(bodies(&asked), [PROTECT]);
        sleep(Duration::from_millis(900)).await;
        assert_eq!(bodies(&asked), [PROTECT, RELEASE]);
    };
    run(ScaleInProtection::at(uri), main).await;
}

/// Of a stop that ends with work in the last half second; the process lives on.
async fn given_back() {
    let (uri, asked) = agent(|_| Some((200, KEPT))).await;
    run(ScaleInProtection::at(uri), busy_for(Duration::from_millis(300))).await;
    sleep(Duration::from_millis(300)).await;
    assert_eq!(bodies(&asked), [PROTECT, RELEASE]);
}

/// Each kind of failure is made again, later and later, and none of it holds the service.
async fn refused() {
    let (uri, asked) = agent(|n| match n {
        0 => Some((200, FAILED)),
        1 => Some((400, DENIED)),
        _ => Some((200, KEPT)),
    })
    .await;
    run(ScaleInProtection::at(uri), busy_for(Duration::from_millis(3_500))).await;
    let asked = asked.lock().unwrap_or_else(PoisonError::into_inner);
    assert!(asked.len() >= 3, "{asked:?}");
    let waits: Vec<_> =
        asked[..3].windows(2).map(|two| (two[1].0 - two[0].0).as_millis()).collect();
    assert!((950..1_600).contains(&waits[0]) && (1_950..2_800).contains(&waits[1]), "{waits:?}");
}

/// What hangs is let go after its time, and given back, as it may have been granted.
async fn hanging() {
    let (uri, asked) = agent(|_| None).await;
    let main = async {
        busy_for(Duration::from_millis(300)).await;
        sleep(Duration::from_secs(2)).await;
        assert_eq!(bodies(&asked), [PROTECT, RELEASE]);
        assert!(WORK.admit().is_ok());
    };
    run(ScaleInProtection::at(uri), main).await;
}

/// Nobody listens, and it is no address at all.
async fn nobody() {
    run(ScaleInProtection::at("http://127.0.0.1:1/api"), busy_for(Duration::from_secs(1))).await;
}

async fn no_address() {
    run(ScaleInProtection::at("169.254.170.2"), busy_for(Duration::from_millis(300))).await;
}

/// The parent set no variable.
async fn not_on_ecs() {
    run(ScaleInProtection::from_env(), busy_for(Duration::from_millis(300))).await;
    let threads = std::fs::read_dir("/proc/self/task").expect("threads").filter_map(Result::ok);
    let names = threads.map(|thread| std::fs::read_to_string(thread.path().join("comm")));
    assert!(names.flatten().all(|name| name.trim() != "lifecycle-ecs"), "a thread was started");
}

const CASE: &str = "ECS_CASE_OF_TEST";

/// Runs this program again for one case; what it wrote to stderr.
fn case(name: &str) -> String {
    let child = Command::new(std::env::current_exe().expect("this program"))
        .args(["--exact", "child", "--nocapture"])
        .env(CASE, name)
        .env_remove("ECS_AGENT_URI")
        .output()
        .expect("a child");
    let said = String::from_utf8_lossy(&child.stderr).into_owned();
    assert!(child.status.success(), "{name}: {said}");
    said
}

/// The body of a child: it is no test without its parent.
#[test]
fn child() {
    let Ok(name) = std::env::var(CASE) else { return };
    tracing_subscriber::fmt().with_writer(io::stderr).with_ansi(false).init();
    let runtime = tokio::runtime::Runtime::new().expect("a runtime");
    runtime.block_on(async {
        match &*name {
            "granted" => granted().await,
            "given_back" => given_back().await,
            "refused" => refused().await,
            "hanging" => hanging().await,
            "nobody" => nobody().await,
            "no_address" => no_address().await,
            "not_on_ecs" => not_on_ecs().await,
            _ => panic!("there is no case {name}"),
        }
    });
}

fn warnings(said: &str) -> Vec<&str> {
    said.lines()
        .filter(|line| line.contains("WARN") && line.contains(" is not protected"))
        .collect()
}

#[test]
fn a_task_is_protected_while_it_has_work_and_released_when_it_has_none() {
    assert_eq!(warnings(&case("granted")), [""; 0]);
}

#[test]
fn the_end_of_a_stop_gives_it_back() {
    case("given_back");
}

#[test]
fn an_answer_of_failure_is_said_once_and_made_again() {
    let said = case("refused");
    let warnings = warnings(&said);
    assert_eq!(warnings.len(), 1, "{said}");
    assert!(
        warnings[0].ends_with(
            "the task is not protected from scale-in: the agent says DEPLOYMENT_BLOCKED"
        ),
        "{said}"
    );
    assert!(said.contains("the agent answers again"), "{said}");
}

#[test]
fn an_agent_that_hangs_holds_neither_calls_nor_the_stop() {
    let said = case("hanging");
    assert!(said.contains("the agent has not answered within 500ms"), "{said}");
}

#[test]
fn an_agent_that_is_not_there_is_said() {
    assert!(case("nobody").contains("127.0.0.1:1: "));
    assert!(case("no_address").contains("write an address, as http://169.254.170.2/api/0123"));
}

#[test]
fn without_the_variable_nothing_is_done() {
    let said = case("not_on_ecs");
    assert!(!said.contains("scale-in"), "{said}");
}
