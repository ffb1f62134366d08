//! Services that own children: `children-owner <which> <cookie>`.

use std::{os::fd::IntoRawFd, process::ExitCode, time::Duration};

use lifecycle::{
    Config, Plan, Platform, Signal, on_shutdown,
    plan::HookSet,
    process::{Child, Command, Containment, Restart},
};

fn main() -> ExitCode {
    let mut words = std::env::args().skip(1);
    // Some have a folder for a cookie.
    let (Some(which), Some(cookie)) = (words.next(), words.next()) else {
        panic!("which, and a cookie");
    };
    let third = words.next().unwrap_or_default();
    match which.as_str() {
        "child" => return child(third == "stubborn"),
        "listens" => listens(&third),
        _ => {}
    }
    let runtime = tokio::runtime::Runtime::new().expect("a runtime");
    let only = |config: Config| config.platform(Platform::Unknown);
    let report = runtime.block_on(async {
        let config = only(Config::new());
        match which.as_str() {
            "families" => run::<()>(config, async || families(&cookie)).await,
            "mule" => run::<()>(config, async || hold(&[mule(&cookie)])).await,
            "held" => run::<blocks>(config, async || hold(&[mule(&cookie)])).await,
            "late" => run::<starts_one>(config, async || {}).await,
            "restarts" => run::<()>(config, async || restarts(&cookie)).await,
            "graph" => run::<()>(config, async || graph(&cookie)).await,
            "leaves" => run::<()>(config, async || hold(&[leaves(&cookie)])).await,
            "escapes" => run::<()>(config, async || escapes(&cookie)).await,
            "passed" => run::<()>(config, async || hold(&[passed(&third, &cookie)])).await,
            _ => panic!("no such service: {which}"),
        }
    });
    drop(runtime);
    report
}

async fn run<S: HookSet>(config: Config, start: impl AsyncFnOnce()) -> ExitCode {
    let report = config
        .plan(Plan::declared().only::<S>())
        .run(async move {
            start().await;
            println!("up");
            lifecycle::draining().await;
        })
        .await;
    std::process::Termination::report(report)
}

fn hold(children: &[Child]) {
    println!("children {}", children.len());
}

fn shell(script: &str, cookie: &str) -> Command {
    Command::new("sh").args(["-c", script, cookie])
}

fn started(command: Command) -> Child {
    command.spawn().unwrap_or_else(|error| panic!("{error}"))
}

/// Children with children, of which some leave home.
fn families(cookie: &str) {
    for (at, script) in [
        "sleep 60; :",
        "setsid sh -c 'sleep 60; :' COOKIE & wait",
        "(setsid sh -c \"sh -c 'sleep 60; :' COOKIE &\" COOKIE) & sleep 60; :",
        "trap '' TERM; sh -c 'sleep 60; :' COOKIE & while :; do sleep 1; done",
    ]
    .iter()
    .enumerate()
    {
        let script = script.replace("COOKIE", cookie);
        started(shell(&script, cookie).name(format!("family-{at}")).guarded());
        println!("family {at}");
    }
}

/// It does not go when it is asked.
fn mule(cookie: &str) -> Child {
    let script = "trap '' TERM INT; echo started; while :; do sleep 0.05; done";
    started(shell(script, cookie).name("mule").stop_timeout(Duration::from_secs(20)))
}

/// It goes, and a daemon of its stays.
fn leaves(cookie: &str) -> Child {
    let script = "(setsid sh -c \"sh -c 'sleep 60; :' COOKIE &\" COOKIE); trap 'exit 0' TERM; \
        echo started; while :; do sleep 0.02; done";
    started(shell(&script.replace("COOKIE", cookie), cookie).name("leaves"))
}

/// A child for each script of a folder, held by nothing that would hold it.
fn escapes(folder: &str) {
    for script in std::fs::read_dir(folder).expect("a folder").flatten() {
        let path = script.path();
        if path.extension().is_some_and(|end| end == "sh") {
            let script = std::fs::read_to_string(&path).expect("a script");
            let command = shell(&script, "nobody").containment(Containment::Group);
            started(command.stop_timeout(Duration::from_millis(300)));
        }
    }
}

/// The service has a listening socket for standard input, which its child has as well.
fn passed(port: &str, cookie: &str) -> Child {
    let _for_the_child = rustix::io::dup(std::io::stdin()).expect("a copy").into_raw_fd();
    let port = port.parse().expect("a port");
    started(shell("echo started; exec sleep 60", cookie).name("passed").port(port))
}

fn restarts(cookie: &str) {
    let command = shell("echo began; sleep 0.05; exit 3", cookie).name("failing");
    started(command.restart(Restart::OnFailure));
}

/// Five rows of twenty: each child stops after the one above it, one of five does not go by itself.
fn graph(cookie: &str) {
    let this = std::env::current_exe().expect("this program");
    let mut above: Vec<Child> = Vec::new();
    for row in 0..5 {
        above = (0..20)
            .map(|at| {
                let how = if at % 5 == 0 { "stubborn" } else { "obedient" };
                let mut command = Command::new(&this)
                    .args(["child", cookie, how])
                    .name(format!("child-{row}-{at}"))
                    .stop_signal(Signal::Term)
                    .stop_timeout(Duration::from_millis(700));
                if let Some(before) = above.get(at) {
                    command = command.after(before);
                }
                started(command)
            })
            .collect();
    }
}

/// What `graph` starts: it says that it was asked, and goes, or does not.
fn child(is_stubborn: bool) -> ExitCode {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    runtime.expect("a runtime").block_on(async {
        let kind = tokio::signal::unix::SignalKind::terminate();
        let mut asked = tokio::signal::unix::signal(kind).expect("a handler");
        println!("ready");
        loop {
            asked.recv().await;
            println!("asked");
            if !is_stubborn {
                tokio::time::sleep(Duration::from_millis(50)).await;
                return ExitCode::SUCCESS;
            }
        }
    })
}

/// A process that listens on a port until it is killed.
fn listens(port: &str) -> ! {
    let _listener = std::net::TcpListener::bind(format!("127.0.0.1:{port}")).expect("a port");
    println!("listens");
    loop {
        std::thread::park();
    }
}

/// It holds its thread for good.
#[on_shutdown(timeout = "30s")]
async fn blocks() {
    println!("blocks");
    std::thread::sleep(Duration::from_secs(600));
}

#[on_shutdown]
async fn starts_one() {
    match Command::new("sleep").arg("60").name("too-late").spawn() {
        Ok(child) => println!("started {child:?}"),
        Err(error) => println!("{error}"),
    }
}
