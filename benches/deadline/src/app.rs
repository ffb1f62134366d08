//! The application that is stopped: the same code under every peer.

use std::{
    io::Write,
    thread,
    time::{Duration, Instant},
};

use crate::{
    HANG,
    flavour::Flavour,
    setup::{Behaviour, SetUp},
};

const GOOD: Duration = Duration::from_millis(50);

pub(crate) struct App {
    pub(crate) hooks: Vec<Hook>,
    /// Whether main, which is deaf then, blocks its thread from now on.
    main_blocks: bool,
    leaves_blocking_work: bool,
}

#[derive(Clone)]
pub(crate) struct Hook {
    pub(crate) name: String,
    pub(crate) does: Behaviour,
}

impl App {
    /// To be made on the process's main thread, before anything else.
    pub(crate) fn new(set_up: SetUp, flavour: Flavour) -> Self {
        tracing_subscriber::fmt()
            .with_max_level(tracing_subscriber::filter::LevelFilter::INFO)
            .with_ansi(false)
            .without_time()
            .with_writer(std::io::stderr)
            .init();
        if set_up == SetUp::ExitHangs {
            AT_EXIT.with(|_| ());
        }
        let hooks = set_up.hooks(flavour).into_iter().enumerate();
        Self {
            hooks: hooks.map(|(at, does)| Hook { name: does.name(at), does }).collect(),
            main_blocks: set_up == SetUp::MainBlocks,
            leaves_blocking_work: set_up == SetUp::Leftover,
        }
    }

    /// What main does until `stop`, which tells it to go.
    pub(crate) async fn main(&self, stop: impl Future<Output = ()>) {
        if self.leaves_blocking_work {
            tokio::task::spawn_blocking(|| thread::sleep(HANG));
        }
        say("ready");
        if self.main_blocks {
            thread::sleep(HANG);
        }
        stop.await;
    }
}

impl Hook {
    pub(crate) async fn run(self) {
        match self.does {
            Behaviour::Good => tokio::time::sleep(GOOD).await,
            Behaviour::BlocksItsThread => thread::sleep(HANG),
            Behaviour::NeverYields => spin(),
            Behaviour::BlocksThePool => {
                let _ = tokio::task::spawn_blocking(|| thread::sleep(HANG)).await;
            }
            Behaviour::BlocksInPlace => tokio::task::block_in_place(|| thread::sleep(HANG)),
            Behaviour::BlocksInDrop => {
                let _blocks = BlocksWhenDropped;
                std::future::pending::<()>().await;
            }
            Behaviour::Waits => tokio::time::sleep(HANG).await,
        }
    }
}

/// Tells the parent. A process that is about to end says it all the same.
pub(crate) fn say(line: &str) {
    let mut stdout = std::io::stdout().lock();
    let _ = writeln!(stdout, "{line}");
    let _ = stdout.flush();
}

/// What the stop came to, in the words of the peer's own interface.
pub(crate) fn say_result(result: &str) {
    say(&format!("{RESULT}{result}"));
}

pub(crate) const RESULT: &str = "result: ";

fn spin() {
    let began = Instant::now();
    while began.elapsed() < HANG {
        std::hint::spin_loop();
    }
}

struct BlocksWhenDropped;

impl Drop for BlocksWhenDropped {
    fn drop(&mut self) {
        thread::sleep(HANG);
    }
}

thread_local! {
    // The destructors of the main thread's locals run inside `exit`, where handlers of `atexit`
    // would.
    static AT_EXIT: BlocksWhenDropped = const { BlocksWhenDropped };
}
