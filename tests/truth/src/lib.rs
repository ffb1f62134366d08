//! What the services of these tests share: how they tell a test what they do.
//!
//! The programs in `src/bin` are small services as somebody would write them; `tests` starts them
//! as processes, stops them at a moment that it chooses, and looks whether anything was cut without
//! a word. docs/shapes.md names the tests that show what it says.

use std::{process::ExitCode, time::Duration};

use lifecycle::Report;

#[cfg(doctest)]
mod documents {
    #[doc = include_str!("../../../docs/migrate.md")]
    struct Migrate;
    #[doc = include_str!("../../../docs/shapes.md")]
    struct Shapes;
}

/// The loops in the text of README and docs, by file and line: `truth-loops` runs each.
pub const PLACES: &[&str] = include!(concat!(env!("OUT_DIR"), "/places.rs"));

/// Prints a line that the test waits for.
pub fn say(line: impl AsRef<str>) {
    println!("{}", line.as_ref());
}

/// Waits so many milliseconds.
pub async fn sleep(millis: u64) {
    tokio::time::sleep(Duration::from_millis(millis)).await;
}

/// Blocks the thread for so many milliseconds.
pub fn pause(millis: u64) {
    std::thread::sleep(Duration::from_millis(millis));
}

/// Whether the program was started with this argument.
#[must_use]
pub fn flag(name: &str) -> bool {
    std::env::args().skip(1).any(|arg| arg == name)
}

/// Makes the log visible, where the test did not ask for a quiet program.
pub fn log() {
    if std::env::var_os("QUIET").is_none() {
        let log = tracing_subscriber::fmt().with_writer(std::io::stderr).with_ansi(false);
        log.without_time().init();
    }
}

/// Runs what gives a report on two threads, and says what the report says.
///
/// # Panics
///
/// When the system grants no runtime.
#[must_use]
pub fn serve(run: impl Future<Output = Report>) -> ExitCode {
    let runtime =
        tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build();
    let runtime = runtime.unwrap_or_else(|error| panic!("no runtime: {error}"));
    let report = runtime.block_on(run);
    runtime.shutdown_background();
    tell(&report);
    std::process::Termination::report(report)
}

/// Says what the report says.
pub fn tell(report: &Report) {
    for hook in report.hooks() {
        say(format!("outcome of {}: {}", hook.name(), hook.outcome()));
    }
    for site in report.drain().sites() {
        let (finished, abandoned) = (site.finished(), site.abandoned());
        say(format!("calls of {}: {finished} finished, {abandoned} abandoned", site.name()));
    }
    for problem in report.problems() {
        say(format!("problem: {problem}"));
    }
    say(format!("report clean: {}", report.is_clean()));
    say(format!("report code: {}", report.exit_code()));
}
