//! One code for everything that may be wrong at once.

use super::{
    super::{Input, MainEnd},
    Simulator, ms,
    plans::{chain, id},
    simulator::{Does, Main},
};
use crate::{Config, Reason, Signal};

/// Why the stop began; `None`: main ended.
fn causes() -> Vec<Option<Input>> {
    let signal = |signal| Some(Input::Signal { signal, sender: None, on_terminal: false });
    let mut causes = vec![
        None,
        Some(Input::Request("over".into())),
        Some(Input::Request(Reason::failure("lost the lease"))),
    ];
    causes.extend([Signal::Hup, Signal::Int, Signal::Quit, Signal::Term].map(signal));
    causes
}

fn failed(interrupted: bool) -> MainEnd {
    MainEnd::Failed { error: "no".to_owned(), interrupted, code: 1 }
}

#[derive(Clone, Copy, Debug)]
struct Unclean {
    hook: bool,
    abandoned: bool,
    breach: bool,
}

/// The codes that each thing would bring, the strongest first.
fn expected(job: bool, cause: Option<&Input>, end: &MainEnd, unclean: Unclean) -> u8 {
    let stopped_job = match cause {
        Some(Input::Signal { signal, .. }) => Some(128 + u8::try_from(signal.number()).unwrap()),
        Some(Input::Request(Reason::Requested(_))) => Some(75),
        _ => None,
    };
    let failure = matches!(cause, Some(Input::Request(Reason::Failure(_))));
    let main_failed =
        matches!(end, MainEnd::Panicked(_) | MainEnd::Failed { interrupted: false, .. });
    let rows = [
        stopped_job.filter(|_| job && *end != MainEnd::Returned),
        unclean.breach.then_some(124),
        (failure || main_failed).then_some(1),
        // It listened, and had to be dropped.
        (unclean.hook || unclean.abandoned || *end == MainEnd::Dropped).then_some(70),
    ];
    rows.into_iter().flatten().next().unwrap_or(0)
}

#[test]
fn the_strongest_code_wins() {
    let ends = [
        MainEnd::Returned,
        failed(false),
        failed(true),
        MainEnd::Panicked("boom".to_owned()),
        MainEnd::Dropped,
    ];
    let mut codes = std::collections::BTreeSet::new();
    for job in [false, true] {
        for cause in causes() {
            for end in &ends {
                // Main alone brings about a stop where nobody else asked; nobody could refuse it.
                if cause.is_none()
                    && matches!(end, MainEnd::Dropped | MainEnd::Failed { interrupted: true, .. })
                {
                    continue;
                }
                for bits in 0..8 {
                    let unclean = Unclean {
                        hook: bits & 1 > 0,
                        abandoned: bits & 2 > 0,
                        breach: bits & 4 > 0,
                    };
                    let simulator = stop(job, cause.as_ref(), end, unclean);
                    let code = simulator.machine.exit_code();
                    let said = format!("job: {job}, {cause:?}, {end:?}, {unclean:?}");
                    assert_eq!(code, expected(job, cause.as_ref(), end, unclean), "{said}");
                    assert_eq!(simulator.breached().is_some(), unclean.breach, "{said}");
                    codes.insert(code);
                }
            }
        }
    }
    assert_eq!(codes.into_iter().collect::<Vec<_>>(), [0, 1, 70, 75, 124, 129, 130, 131, 143]);
}

fn stop(job: bool, cause: Option<&Input>, end: &MainEnd, unclean: Unclean) -> Simulator {
    let config = Config::new().grace_period(ms(30_000)).job(job);
    let mut simulator = Simulator::running(&config, chain(&[ms(1_000)]));
    simulator.main = Main { listeners: 1, returns: None, drop_takes: Some(ms(0)) };
    simulator.abandons = unclean.abandoned;
    if unclean.hook {
        simulator.does.insert(id(0), Does::Fails(ms(1)));
    }
    if unclean.breach {
        simulator.dropping_takes = None;
    }
    if let Some(cause) = cause {
        simulator.handle(cause.clone());
    }
    if *end == MainEnd::Dropped {
        // It does not return, and a second interrupt ends its time.
        simulator.signal_at(ms(1_000), Signal::Int);
    } else {
        simulator.at(ms(1_000), Input::MainEnded(end.clone()));
    }
    simulator.run_until(ms(29_000));
    assert_eq!(simulator.machine.main_end(), Some(end));
    simulator
}

/// Every way in which a hook can end, as the exit code sees it.
#[test]
fn each_unclean_hook_counts() {
    for (does, code) in [
        (Does::Completes(ms(1)), 0),
        (Does::Completes(ms(2_000)), 70),
        (Does::Fails(ms(1)), 70),
        (Does::Panics(ms(1)), 70),
        (Does::Hangs { goes: ms(0) }, 70),
        (Does::Hangs { goes: ms(500) }, 70),
        (Does::Blocks(Some(ms(999))), 0),
        (Does::Blocks(Some(ms(1_050))), 70),
        (Does::Blocks(None), 70),
    ] {
        let mut simulator = Simulator::running(&Config::new(), chain(&[ms(1_000)]));
        simulator.does.insert(id(0), does);
        simulator.request("over");
        simulator.run();
        assert!(simulator.finished().is_some());
        assert_eq!(simulator.machine.exit_code(), code, "{does:?}");
    }
}

/// A hook that lacks a resource is normal where start-up had not come so far.
#[test]
fn a_skipped_hook_counts_once_the_service_was_ready() {
    for (ready, code) in [(false, 0), (true, 70)] {
        let mut reader = super::plans::hook(0, ms(1_000));
        reader.needs = vec![super::resources::borrow(0)];
        let mut simulator = Simulator::starting(&Config::new(), super::plans::plan(vec![reader]));
        simulator.store = super::resources::Store::new(&super::resources::Supply::Only(Vec::new()));
        if ready {
            simulator.handle(Input::Ready);
        }
        simulator.signal(Signal::Term);
        simulator.run();
        assert_eq!(simulator.machine.exit_code(), code);
    }
}

#[test]
fn the_last_rung_is_no_reports_code() {
    let mut simulator = Simulator::running(&Config::new(), chain(&[ms(5_000)]));
    simulator.does.insert(id(0), Does::Blocks(None));
    for at in [0, 1_000, 2_000] {
        simulator.signal_at(ms(at), Signal::Int);
    }
    simulator.run();
    assert_eq!(simulator.exited(), Some((ms(2_000), 130)));
    assert_eq!(simulator.finished(), None);
}
