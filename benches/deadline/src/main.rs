//! When is the process gone? The same blocked set-ups for `lifecycle` and for what else Rust
//! services use to stop: each run is a child process that gets real signals, and a real SIGKILL
//! when its grace period is over.
//!
//! `cargo run --release --manifest-path benches/deadline/Cargo.toml [-- --markdown] [--jobs n]
//! [--only text]`
//!
//! `--markdown` writes the tables into `docs/deadline.md`, between its two markers. `--only` runs
//! the rows whose text (`peer, set-up, runtime`) contains it, and prints what their processes said.

mod app;
mod document;
mod flavour;
mod measure;
mod peer;
mod schedule;
mod setup;
mod table;

use std::{process::ExitCode, time::Duration};

use flavour::Flavour;
use peer::Peer;
use setup::SetUp;

/// From the request to the platform's kill.
const GRACE: Duration = Duration::from_millis(2500);
/// What `lifecycle` makes of `GRACE`, and what every peer is given as its own limit.
const DEADLINE: Duration = Duration::from_millis(2250);
/// How long what hangs hangs: for longer than anybody waits.
const HANG: Duration = Duration::from_secs(6);
/// What `lifecycle` may take beyond the moment at which it had to be gone.
const GOAL: Duration = Duration::from_millis(50);

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    if let [mode, peer, set_up, flavour] = arguments.as_slice()
        && mode == "child"
    {
        return child(peer, set_up, flavour);
    }
    match parent(&arguments) {
        Ok(code) => code,
        Err(problem) => {
            eprintln!("{problem}");
            ExitCode::from(2)
        }
    }
}

fn child(peer: &str, set_up: &str, flavour: &str) -> ExitCode {
    let (Some(peer), Some(set_up), Some(flavour)) =
        (Peer::find(peer), SetUp::find(set_up), Flavour::find(flavour))
    else {
        eprintln!("no such child");
        return ExitCode::from(2);
    };
    peer.run(app::App::new(set_up, flavour), flavour)
}

fn parent(arguments: &[String]) -> Result<ExitCode, String> {
    let mut options = Options { markdown: false, jobs: 6, only: None };
    let mut rest = arguments.iter();
    while let Some(argument) = rest.next() {
        match argument.as_str() {
            "--markdown" => options.markdown = true,
            "--jobs" => {
                let jobs = rest.next().and_then(|jobs| jobs.parse().ok()).filter(|jobs| *jobs > 0);
                options.jobs = jobs.ok_or("--jobs takes a number, 1 or more")?;
            }
            "--only" => options.only = Some(rest.next().ok_or("--only takes a text")?.clone()),
            other => {
                return Err(format!(
                    "unknown argument `{other}`; known are --markdown, --jobs n, --only text"
                ));
            }
        }
    }
    if options.markdown && options.only.is_some() {
        return Err("--markdown writes the whole table: leave --only away".to_owned());
    }
    let runs = schedule::run_all(&options)?;
    print!("{}", table::text(&runs));
    if options.markdown {
        document::write(&table::markdown(&runs))?;
    }
    let misses = runs.iter().filter(|run| run.case.peer == Peer::Lifecycle && run.overshoot() >= GOAL);
    let misses =
        misses.inspect(|run| eprintln!("goal missed: {}: {:.1?}", run.case, run.overshoot())).count();
    Ok(if misses == 0 { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

pub(crate) struct Options {
    markdown: bool,
    jobs: usize,
    only: Option<String>,
}
