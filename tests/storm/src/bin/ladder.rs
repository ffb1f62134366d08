//! A service that comes to one place of its life and is held there until it reads a line:
//! `storm-ladder <place> [self]`, with `self` it stops because main returns.

use std::{
    io::BufRead,
    process::{ExitCode, Termination},
    sync::atomic::{AtomicBool, Ordering},
    thread,
    time::Duration,
};

use lifecycle::{Config, Refused, State, event::Event, on_shutdown, tracked};
use lifecycle_storm_tests::{mark::say, voice};

static GO: AtomicBool = AtomicBool::new(false);
const POLL: Duration = Duration::from_millis(2);

fn is_at(place: &str) -> bool {
    std::env::args().nth(1).is_some_and(|arg| arg == place)
}

fn ends_by_itself() -> bool {
    std::env::args().nth(2).is_some_and(|arg| arg == "self")
}

/// Holds the thread here, if this is the place.
fn hold(place: &str) {
    if is_at(place) {
        say(&format!("held {place}"));
        while !GO.load(Ordering::Relaxed) {
            thread::sleep(POLL);
        }
    }
}

/// Holds the task here, if this is the place.
async fn hold_task(place: &str) {
    if is_at(place) {
        say(&format!("held {place}"));
        while !GO.load(Ordering::Relaxed) {
            tokio::time::sleep(POLL).await;
        }
    }
}

/// Holds whoever drops it.
struct Holds(&'static str);

impl Drop for Holds {
    fn drop(&mut self) {
        hold(self.0);
    }
}

thread_local! {
    static OF_THREAD: Holds = const { Holds("thread-local") };
}

#[tracked]
async fn start_up() -> Result<(), Refused> {
    hold_task("starting").await;
    Ok(())
}

#[tracked]
async fn work(_argument: Holds) -> Result<(), Refused> {
    hold_task("call").await;
    Ok(())
}

#[on_shutdown(timeout = "10s")]
async fn yields() {
    hold_task("hook").await;
}

#[on_shutdown(timeout = "10s", after = [yields])]
async fn blocks() {
    hold("blocking-hook");
}

#[on_shutdown(timeout = "10s", after = [blocks])]
fn is_sync() {
    hold("sync-hook");
}

/// Keeps the process there for one more signal, where hooks came early.
#[on_shutdown(timeout = "10s", order = 10)]
async fn last() {
    let before_hooks =
        ["before-run", "starting", "delaying", "told-main", "main-drop", "call", "argument"];
    if before_hooks.into_iter().any(is_at) {
        while !GO.load(Ordering::Relaxed) {
            tokio::time::sleep(POLL).await;
        }
    }
}

async fn serve() -> Result<(), Refused> {
    OF_THREAD.with(|_| {});
    start_up().await?;
    lifecycle::provide(Holds("resource"));
    if is_at("runtime") {
        tokio::task::spawn_blocking(|| {
            while lifecycle::state() < State::Stopped {
                thread::sleep(POLL);
            }
            // The report is handed over in the meantime; run is back when this is said.
            thread::sleep(Duration::from_millis(50));
            hold("runtime");
        });
    }
    if is_at("call") || is_at("argument") {
        tokio::spawn(work(Holds("argument")));
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    // Who listens is known before the signal that readiness brings on.
    let draining = (!ends_by_itself() && !is_at("main-drop")).then(lifecycle::draining);
    lifecycle::ready();
    if is_at("main-drop") {
        let _held = Holds("main-drop");
        return std::future::pending().await;
    }
    if let Some(draining) = draining {
        draining.await;
        hold_task("told-main").await;
    }
    Ok(())
}

fn main() -> ExitCode {
    voice::raise();
    thread::spawn(|| {
        let _ = std::io::stdin().lock().lines().next();
        GO.store(true, Ordering::Relaxed);
    });
    if is_at("returned") || is_at("said") {
        return by_hand();
    }
    if is_at("before-run") {
        lifecycle::install();
        say("running");
        // Told to go on by being told that the signal came.
        while lifecycle::time_left().is_none() {
            thread::sleep(POLL);
        }
        hold("before-run");
    }
    attributed().report()
}

#[lifecycle::main(worker_threads = 2)]
async fn attributed() -> Result<(), Refused> {
    serve().await
}

/// Makes stderr a pipe that is full and that nobody reads.
fn clog_stderr() {
    let (read, write) =
        rustix::pipe::pipe_with(rustix::pipe::PipeFlags::NONBLOCK).unwrap_or_else(|error| {
            panic!("no pipe: {error}");
        });
    while rustix::io::write(&write, &[0; 4096]).is_ok() {}
    rustix::stdio::dup2_stderr(&write).unwrap_or_else(|error| panic!("stderr stays: {error}"));
    // Open for good: a pipe that nobody could read any more would not be full, but broken.
    std::mem::forget(read);
}

/// A main that does something between `run` and its end.
fn by_hand() -> ExitCode {
    let runtime =
        tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build();
    let runtime = runtime.unwrap_or_else(|error| panic!("no runtime: {error}"));
    runtime.block_on(async {
        let mut events = lifecycle::events();
        let report = Config::new().run(serve()).await;
        hold("returned");
        if is_at("said") {
            // Nobody reads stderr, so what the library says there takes its time.
            clog_stderr();
            say("held said");
            while !matches!(events.recv().await, Some(Event::Signal { .. })) {}
            return report.report();
        }
        report.report()
    })
}
