//! A service that is extended; the first argument says what it does.

use std::{
    future::pending,
    os::unix::process::CommandExt,
    path::PathBuf,
    process::{Command, ExitCode, Termination},
    sync::OnceLock,
    thread,
    time::Duration,
};

use lifecycle::Config;
use lifecycle_core::ext::{LastResort, LastResortHandle, observe};
use lifecycle_extension_tests::{Port, Recorder, ask, begun};

fn main() -> ExitCode {
    let runtime = tokio::runtime::Runtime::new().expect("a runtime");
    let what = std::env::args().nth(1);
    match what.as_deref() {
        Some("port") => runtime.block_on(port()),
        Some("held") => {
            let config = Config::new().grace_period(Duration::from_millis(1_500));
            runtime.block_on(config.run(async {
                let _held = last_resorts();
                lifecycle::provide(Hangs);
                println!("up");
                lifecycle::ready();
                thread::sleep(Duration::from_secs(3_600));
            }))
        }
        Some("leaked") => {
            let _held = last_resorts();
            let config = Config::new().exit_timeout(Duration::from_millis(100));
            let report = runtime.block_on(config.run(async {
                println!("up");
                lifecycle::draining().await;
            }));
            println!("stopped with {}", report.exit_code());
            thread::sleep(Duration::from_secs(3_600));
            report
        }
        Some("observed") => {
            let quick = Recorder::default().every(Duration::from_millis(10));
            let told = quick.told();
            observe(quick);
            let report = runtime.block_on(lifecycle::run(async {
                println!("up");
                lifecycle::draining().await;
            }));
            println!("told {:?} and {}", told().states, told().report.is_some());
            report
        }
        Some("begun") => {
            let report = runtime.block_on(lifecycle::run(async {
                println!("begun {}, {}", begun(), lifecycle::status().state());
                lifecycle::shutdown("seen");
                pending::<()>().await;
            }));
            println!("then {}", begun());
            report
        }
        _ => panic!("port, held, leaked, observed or begun, and not {what:?}"),
    }
    .report()
}

/// Its destructor never ends.
struct Hangs;

impl Drop for Hangs {
    fn drop(&mut self) {
        thread::sleep(Duration::from_secs(3_600));
    }
}

/// The port answers main, and hooks; then it is gone.
async fn port() -> lifecycle::Report {
    static ADDRESS: OnceLock<std::net::SocketAddr> = OnceLock::new();
    let port = Port::new();
    let address = port.address();
    lifecycle::hook("asks")
        .register(|| async { println!("hook: {:?}", ask(*ADDRESS.get().expect("main ran"))) })
        .expect("a plan");
    let asked = address.clone();
    let report = Config::new()
        .component(port)
        .run(async move {
            let address = *asked.get().expect("the port is there before main");
            ADDRESS.get_or_init(|| address);
            println!("main: {:?}", ask(address));
            println!("listens at {address}");
            pending::<()>().await;
        })
        .await;
    let after = address.get().map(|address| ask(*address).is_err());
    println!("after run: refused {after:?}");
    report
}

/// A child in a group of its own, which would outlive us, and a file.
fn last_resorts() -> [LastResortHandle; 2] {
    let file = PathBuf::from(std::env::var_os("FILE").expect("a file"));
    std::fs::write(&file, "").expect("it can be written");
    let mut command = Command::new("sleep");
    #[expect(clippy::zombie_processes, reason = "the last resort is what ends it")]
    let child = command.arg("3600").process_group(0).spawn().expect("a child");
    println!("child {}", child.id());
    let child = LastResort::KillProcessGroup(child.id());
    [child, LastResort::Unlink(file)].map(|what| what.register().expect("there is room"))
}
