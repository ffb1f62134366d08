//! The little services that the tests stop: `process-app <scenario> [flags]`.

mod ends;
mod hooked;
mod hooks;
mod input;
mod kit;
mod registered;
mod resources;
mod signals;
mod states;
mod tasks;
mod texts;
mod words;

use std::process::ExitCode;

type Scenario = (&'static str, fn() -> ExitCode);

const SCENARIOS: [Scenario; 41] = [
    ("worker", signals::worker),
    ("busy", signals::busy),
    ("early", signals::early),
    ("building", signals::building),
    ("blocked", signals::blocked),
    ("lingering", signals::lingering),
    ("dropped", signals::dropped),
    ("beside", signals::beside),
    ("ends", ends::ends),
    ("events", states::events),
    ("milestones", states::milestones),
    ("until", states::until),
    ("readiness", states::readiness),
    ("held", states::held),
    ("status", states::status),
    ("main", tasks::main),
    ("join-set", tasks::join_set),
    ("twice", resources::twice),
    ("replaced", resources::replaced),
    ("too-late", resources::too_late),
    ("missing", resources::missing),
    ("near-miss", resources::near_miss),
    ("optional", resources::optional),
    ("leftovers", resources::leftovers),
    ("uses", resources::uses),
    ("owners", resources::owners),
    ("borrowed", resources::borrowed),
    ("register", registered::in_each_state),
    ("handles", registered::handles),
    ("second-step", registered::second_step),
    ("hanging", hooked::hanging),
    ("stuck", hooked::stuck),
    ("panics", hooked::panicking),
    ("fails", hooked::failing),
    ("full-pool", hooked::full_pool),
    ("again", hooked::again),
    ("no-hooks", hooked::none),
    ("run-twice", input::run_twice),
    ("no-runtime", input::no_runtime),
    ("texts", texts::texts),
    ("words", words::words),
];

fn main() -> ExitCode {
    if std::env::var_os("QUIET").is_none() {
        let log = tracing_subscriber::fmt().with_writer(std::io::stderr).with_ansi(false);
        log.without_time().init();
    }
    let wanted = std::env::args().nth(1).unwrap_or_default();
    match SCENARIOS.iter().find(|(name, _)| *name == wanted) {
        Some((_, scenario)) => scenario(),
        None => panic!("there is no scenario {wanted:?}"),
    }
}
