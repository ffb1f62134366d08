//! Services that hold their process: `deadline-hold <runtime> <case>`, where the runtime is
//! `current_thread` or a number of workers.

mod exits;
mod hooks;
mod kit;
mod mains;
mod output;
mod registers;
mod tasks;

use std::process::ExitCode;

use tokio::runtime::{Builder, Runtime};

type Case = (&'static str, fn(Runtime) -> ExitCode);

const CASES: &[&[Case]] =
    &[hooks::CASES, registers::CASES, tasks::CASES, mains::CASES, exits::CASES, output::CASES];

fn main() -> ExitCode {
    let args: Vec<_> = std::env::args().skip(1).collect();
    let [runtime, wanted] = args.as_slice() else { panic!("deadline-hold <runtime> <case>") };
    let Some((_, case)) = CASES.iter().copied().flatten().find(|(name, _)| name == wanted) else {
        panic!("there is no case {wanted:?}")
    };
    if std::env::var_os("LOG").is_some() {
        tracing_subscriber::fmt()
            .with_writer(std::io::stderr)
            .with_ansi(false)
            .without_time()
            .init();
    }
    lifecycle::install();
    case(runtime_of(runtime))
}

fn runtime_of(kind: &str) -> Runtime {
    let mut builder = match kind.parse() {
        Ok(workers) => {
            let mut builder = Builder::new_multi_thread();
            builder.worker_threads(workers);
            builder
        }
        Err(_) => Builder::new_current_thread(),
    };
    builder.enable_all().build().unwrap_or_else(|error| panic!("no runtime: {error}"))
}
