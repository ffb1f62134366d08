//! What all scenarios share.

use std::{future::Future, process::ExitCode, sync::LazyLock, time::Duration};

use lifecycle::{Config, Plan, Platform, Report, plan::HookSet};
use tokio::{runtime::Runtime, sync::watch};

/// Prints a line that the test waits for.
pub(crate) fn say(line: impl AsRef<str>) {
    println!("{}", line.as_ref());
}

/// Whether the test asked for this variant of the scenario.
pub(crate) fn flag(name: &str) -> bool {
    std::env::args().skip(2).any(|arg| arg == name)
}

/// Nothing of the machine's own platform; the tests set the numbers by environment.
pub(crate) fn config() -> Config {
    let platform = if flag("kubernetes") { Platform::Kubernetes } else { Platform::Unknown };
    Config::new().platform(platform)
}

/// With these hooks and no others.
pub(crate) fn only<S: HookSet>() -> Config {
    config().plan(Plan::declared().only::<S>())
}

/// Runs `main` on two threads and says what the report says.
pub(crate) fn serve<M>(config: Config, main: M) -> ExitCode
where
    M: Future<Output: lifecycle::hook::MainResult>,
{
    finish(multi_thread(), config.run(main))
}

/// Runs what gives a report.
pub(crate) fn finish(runtime: Runtime, run: impl Future<Output = Report>) -> ExitCode {
    let report = runtime.block_on(run);
    // What a scenario leaves running on purpose must not hold the process.
    runtime.shutdown_background();
    tell(&report);
    std::process::Termination::report(report)
}

pub(crate) fn tell(report: &Report) {
    for hook in report.hooks() {
        say(format!("outcome of {}: {}", hook.name(), hook.outcome()));
    }
    for problem in report.problems() {
        say(format!("problem: {problem}"));
    }
    say(format!("reason: {}", report.reason()));
    say(format!("report code: {}", report.exit_code()));
}

pub(crate) fn multi_thread() -> Runtime {
    let mut builder = tokio::runtime::Builder::new_multi_thread();
    built(builder.worker_threads(2))
}

pub(crate) fn current_thread() -> Runtime {
    built(&mut tokio::runtime::Builder::new_current_thread())
}

pub(crate) fn built(builder: &mut tokio::runtime::Builder) -> Runtime {
    builder.enable_all().build().unwrap_or_else(|error| panic!("no runtime: {error}"))
}

/// Waits until the test has written this word to standard input.
pub(crate) async fn told(word: &str) {
    let mut words = WORDS.subscribe();
    // The sender is static.
    let _ = words.wait_for(|words| words.iter().any(|told| told == word)).await;
}

/// The same, where there is no runtime or it is to be blocked.
pub(crate) fn told_blocking(word: &str) {
    while !WORDS.borrow().iter().any(|told| told == word) {
        pause(1);
    }
}

static WORDS: LazyLock<watch::Sender<Vec<String>>> = LazyLock::new(|| {
    std::thread::spawn(|| {
        for word in std::io::stdin().lines().map_while(Result::ok) {
            WORDS.send_modify(|words| words.push(word));
        }
    });
    watch::Sender::default()
});

/// Blocks the thread.
pub(crate) fn pause(millis: u64) {
    std::thread::sleep(Duration::from_millis(millis));
}

/// Blocks the thread for ever.
pub(crate) fn block() -> ! {
    loop {
        std::thread::park();
    }
}

pub(crate) async fn sleep(millis: u64) {
    tokio::time::sleep(Duration::from_millis(millis)).await;
}

/// Says when it is dropped.
pub(crate) struct Dropped(pub(crate) &'static str);

impl Drop for Dropped {
    fn drop(&mut self) {
        say(format!("{} dropped", self.0));
    }
}
