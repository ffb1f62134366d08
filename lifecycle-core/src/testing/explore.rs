//! Many stops of one plan, each with other faults at other moments, and what has to hold of each.

use std::{fmt, ops::RangeInclusive, panic::resume_unwind, time::Duration};

use super::{Invariant, Scenario, harness::Fault, invariants::Invariants, rng::Rng};
use crate::{
    Config, Plan, Reason, Report, Signal, Site, SourceLocation,
    config::{Environment, Settings},
    declare::site::{Drain, Policy},
    foreign::contain,
    plan::PlannedHook,
};

/// Which seed is run alone.
const SEED: &str = "LIFECYCLE_EXPLORE_SEED";

/// What an exploration saw.
#[derive(Clone, Debug, Default)]
pub struct Explored {
    runs: u64,
    clean: u64,
    outcomes: std::collections::BTreeMap<&'static str, u64>,
}

impl Explored {
    /// How many stops were run.
    #[must_use]
    pub const fn runs(&self) -> u64 {
        self.runs
    }

    /// How many of them were clean.
    #[must_use]
    pub const fn clean(&self) -> u64 {
        self.clean
    }
}

impl fmt::Display for Explored {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} stops, {} clean; hooks:", self.runs, self.clean)?;
        for (outcome, count) in &self.outcomes {
            write!(f, " {count} {outcome}")?;
        }
        Ok(())
    }
}

impl Scenario {
    /// Runs the plan under the configuration `seeds` times, on a paused clock of its own each time: hooks
    /// end, fail, panic, hang or block at random, calls are in flight, the stop is asked for by signal, by
    /// request or by main, and more signals come at any moment. Of every stop it checks what always has to
    /// hold, and the scenario's own [`invariant`](Self::invariant)s. The hooks' own work is not run, and of the
    /// scenario only plan, configuration and invariants count.
    ///
    /// What always has to hold:
    ///
    /// - no hook starts before those that its written order, its `after` and `before`, and what it takes
    ///   demand have ended or are stuck, and each starts the moment they have, whatever became of them;
    /// - no hook starts while calls are in flight, unless a signal ended the drain or its time was up, and
    ///   then it had the time it was promised;
    /// - every hook has one outcome, and is timed out only when its time was up;
    /// - every hook is given its timeout, or its share of what is left where that is less;
    /// - nothing is over the deadline, and nothing but a hook that cannot be stopped comes to it;
    /// - hooks are left out only where the process would have been ended;
    /// - the exit code is the right one.
    ///
    /// # Panics
    ///
    /// When something does not hold, or an invariant panics, with the seed, what was wrong and the report.
    /// `LIFECYCLE_EXPLORE_SEED=n` runs that seed alone, so that [`runs`](Explored::runs) is 1. When the plan or the
    /// configuration cannot run at all, and when the scenario has a main, a script or parts, which an
    /// exploration would not play.
    pub fn explore(self, seeds: u64) -> Explored {
        let Self { config, plan, main, script, ready, invariants, env_guard } = self;
        assert!(
            main.is_none() && script.is_empty() && ready && !env_guard.harness.has_faults(),
            "an exploration has a main, signals, calls and parts of its own: leave out what says otherwise"
        );
        drop(env_guard);
        // A component is there once, and a run needs it: an exploration is of the hooks.
        let config = config.without_components();
        let only = std::env::var(SEED).ok();
        let range = range(only.as_deref(), seeds).unwrap_or_else(|wrong| panic!("{wrong}"));
        // A thread of its own, as this one may be in a runtime already.
        let explored = std::thread::scope(|scope| {
            scope.spawn(|| explore(&config, &plan, &invariants, range)).join()
        });
        explored.unwrap_or_else(|panic| resume_unwind(panic))
    }
}

/// All seeds below `seeds`, or the one that is asked for.
fn range(only: Option<&str>, seeds: u64) -> Result<RangeInclusive<u64>, String> {
    let Some(only) = only else {
        return seeds
            .checked_sub(1)
            .map(|last| 0..=last)
            .ok_or_else(|| "an exploration of no seed".to_owned());
    };
    let seed = only
        .trim()
        .parse()
        .map_err(|error| format!("{SEED}={only}: {error}; a seed is a whole number"))?;
    Ok(seed..=seed)
}

fn explore(
    config: &Config,
    plan: &Plan,
    invariants: &[Invariant],
    seeds: RangeInclusive<u64>,
) -> Explored {
    let (_, diagnostics) = Settings::resolve(config, &Environment::default());
    let errors = diagnostics.iter().filter(|found| found.is_error()).map(ToString::to_string);
    let wrong = errors.chain(plan.check().err().map(|error| error.to_string()));
    let wrong: Vec<_> = wrong.collect();
    assert!(wrong.is_empty(), "there is nothing to explore: {}", wrong.join("\n"));
    let always = Invariants::new(config, plan);
    let mut explored = Explored::default();
    for seed in seeds {
        let alone = format!("seed {seed} (run it alone: {SEED}={seed})");
        let report = contain(|| one_stop(config, plan, seed));
        let report = report.unwrap_or_else(|said| panic!("{alone}: {said}"));
        let own = || invariants.iter().try_for_each(|invariant| invariant(&report));
        let own = contain(own).unwrap_or_else(Err);
        if let Err(wrong) = always.check(&report).and(own) {
            panic!("{alone}: {wrong}\n\n{report}");
        }
        explored.runs += 1;
        explored.clean += u64::from(report.is_clean());
        for hook in report.hooks() {
            *explored.outcomes.entry(hook.outcome().word()).or_default() += 1;
        }
    }
    explored
}

static CALL: Site = Site::new("a call of the exploration");
static CANCELLED: Site = Site::declared(
    "a call of the exploration that may be cancelled",
    SourceLocation::caller(),
    Policy { admit_always: false, drain: Drain::CancelAfter(Duration::from_secs(3)) },
);

fn one_stop(config: &Config, plan: &Plan, seed: u64) -> Report {
    let runtime =
        tokio::runtime::Builder::new_current_thread().enable_time().start_paused(true).build();
    let runtime = runtime.unwrap_or_else(|error| panic!("no runtime could be built: {error}"));
    runtime.block_on(async {
        let mut rng = Rng::new(seed);
        let mut scenario = Scenario::new().config(config.clone()).plan(plan.clone());
        for hook in plan.hooks() {
            scenario.env_guard.harness.inject_fault(hook.id(), fault(hook, &mut rng));
        }
        let start = rng.up_to(Duration::from_secs(2));
        for _ in 0..rng.below(4) {
            let at = rng.up_to(start + Duration::from_secs(1));
            let lasts = rng.up_to(Duration::from_secs(40));
            scenario = match rng.below(4) {
                0 => scenario.call_at(at, &CANCELLED, lasts),
                1 => scenario.at(at, panicking_call(lasts)),
                _ => scenario.call_at(at, &CALL, lasts),
            };
        }
        for _ in 0..rng.below(3) {
            let signal = [Signal::Int, Signal::Term, Signal::Hup][rng.below(3) as usize];
            scenario = scenario.signal_at(start + rng.up_to(Duration::from_secs(12)), signal);
        }
        if rng.below(4) == 0 {
            scenario = scenario.starting();
        }
        match rng.below(8) {
            0 => scenario.main(async move { tokio::time::sleep(start).await }).run().await,
            // A loop that looks at the stop between its rounds, as those of workers do.
            6 => {
                let round = rng.up_to(Duration::from_secs(2)).max(Duration::from_millis(1));
                let rounds = async move {
                    while crate::until_draining(tokio::time::sleep(round)).await.is_some() {
                        tokio::time::sleep(round).await;
                    }
                };
                scenario.main(rounds).signal_at(start, Signal::Term).run().await
            }
            // It has asked, and does not return.
            7 => {
                let main = async {
                    crate::draining().await;
                    std::future::pending::<()>().await;
                };
                scenario.main(main).signal_at(start, Signal::Term).run().await
            }
            1 => {
                let main = async move {
                    tokio::time::sleep(start).await;
                    Err::<(), _>("main's own error")
                };
                scenario.main(main).run().await
            }
            2 => {
                let request =
                    async move { crate::shutdown(Reason::failure("the exploration's own")) };
                scenario.at(start, request).run().await
            }
            3 => scenario.at(start, async { crate::shutdown("the exploration's own") }).run().await,
            _ => scenario.signal_at(start, Signal::Term).run().await,
        }
    })
}

/// A call that panics when its time is over, in a task of its own.
async fn panicking_call(lasts: Duration) {
    let call = CALL.track(async move {
        tokio::time::sleep(lasts).await;
        resume_unwind(Box::new("the exploration's own"))
    });
    // What became of it is the gate's to tell.
    let _ = tokio::spawn(async move {
        let _: Result<(), _> = call.await;
    })
    .await;
}

/// What a hook does this time.
fn fault(hook: &PlannedHook, rng: &mut Rng) -> Fault {
    let long = hook.timeout().saturating_add(hook.timeout() / 4);
    let takes = rng.up_to(long);
    let kind = rng.below(10);
    let play = move || async move {
        match kind {
            0 => std::future::pending().await,
            1 => {
                tokio::time::sleep(takes).await;
                Err("the exploration's own".to_owned())
            }
            2 => {
                tokio::time::sleep(takes).await;
                resume_unwind(Box::new("the exploration's own"))
            }
            _ => {
                tokio::time::sleep(takes).await;
                Ok(())
            }
        }
    };
    match kind {
        3 => Fault::Block(takes.saturating_mul(2)),
        _ => Fault::Play(Box::new(move || Box::pin(play()))),
    }
}

#[cfg(test)]
mod tests {
    use super::range;

    #[test]
    fn a_seed_that_is_asked_for_is_run_alone() {
        assert_eq!(range(None, 500), Ok(0..=499));
        assert_eq!(range(Some("7"), 500), Ok(7..=7));
        assert_eq!(range(Some(" 12\n"), 3), Ok(12..=12));
        assert_eq!(range(Some("18446744073709551615"), 3), Ok(u64::MAX..=u64::MAX));
        for bad in ["abc", "", "-1", "1.5"] {
            let wrong = range(Some(bad), 3).unwrap_err();
            assert!(wrong.starts_with(&format!("LIFECYCLE_EXPLORE_SEED={bad}: ")), "{wrong}");
        }
        assert!(range(None, 0).is_err());
    }
}
