//! Services that attack the library that stops them: `attack <runtime> <name>`, where the runtime is
//! `current_thread` or a number of workers.

mod children;
mod crowds;
mod descriptors;
mod ends;
mod floods;
#[cfg(feature = "on-forced-exit")]
mod forced;
mod held;
mod kit;
mod loader;
mod runtimes;
mod signals;
mod subscribers;
mod threads;
mod wakers;

use std::process::ExitCode;

use lifecycle_attack_tests::os::{self, Holdable};
use tokio::runtime::Runtime;

#[global_allocator]
static ALLOCATOR: Holdable = Holdable;

/// Before `install`, which it may call itself or not.
type Early = (&'static str, fn(&str) -> ExitCode);
type Attack = (&'static str, fn(Runtime) -> ExitCode);

const EARLY: &[&[Early]] = &[children::EARLY, descriptors::EARLY];

const ATTACKS: &[&[Attack]] = &[
    children::ATTACKS,
    crowds::ATTACKS,
    descriptors::ATTACKS,
    ends::ATTACKS,
    floods::ATTACKS,
    #[cfg(feature = "on-forced-exit")]
    forced::ATTACKS,
    held::ATTACKS,
    loader::ATTACKS,
    runtimes::ATTACKS,
    signals::ATTACKS,
    subscribers::ATTACKS,
    threads::ATTACKS,
    wakers::ATTACKS,
];

fn main() -> ExitCode {
    let args: Vec<_> = std::env::args().skip(1).collect();
    let [runtime, wanted] = args.as_slice() else { panic!("attack <runtime> <name>") };
    if std::env::var_os("LOG").is_some() {
        tracing_subscriber::fmt()
            .with_writer(std::io::stderr)
            .with_ansi(false)
            .without_time()
            .init();
    }
    os::end_in_a_while();
    signals::as_services_in_c();
    if let Some((_, early)) = EARLY.iter().copied().flatten().find(|(name, _)| name == wanted) {
        return early(runtime);
    }
    let Some((_, attack)) = ATTACKS.iter().copied().flatten().find(|(name, _)| name == wanted)
    else {
        panic!("there is no attack {wanted:?}")
    };
    lifecycle::install();
    attack(kit::runtime_of(runtime))
}
