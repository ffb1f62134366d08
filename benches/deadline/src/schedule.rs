//! All runs: some beside each other, as they mostly sleep; one by one where a processor is kept
//! busy.

use std::{
    sync::{
        Mutex, PoisonError,
        atomic::{AtomicUsize, Ordering},
    },
    thread,
};

use crate::{
    Options,
    flavour::Flavour,
    measure::{Case, Run},
    peer::Peer,
    setup::SetUp,
};

pub(crate) fn run_all(options: &Options) -> Result<Vec<Run>, String> {
    let cases: Vec<Case> = cases()
        .filter(|case| options.only.as_ref().is_none_or(|text| case.to_string().contains(text)))
        .collect();
    let (busy, idle): (Vec<Case>, Vec<Case>) = cases.iter().partition(|case| case.set_up.is_busy());
    let mut runs = side_by_side(&idle, options.jobs)?;
    runs.extend(side_by_side(&busy, 1)?);
    if options.only.is_some() {
        for run in &runs {
            println!("{}: {:?}\n  {}", run.case, run.result, run.stderr.join("\n  "));
        }
    }
    runs.sort_by_key(|run| cases.iter().position(|case| *case == run.case));
    Ok(runs)
}

fn cases() -> impl Iterator<Item = Case> {
    let places = SetUp::ALL.into_iter().flat_map(|set_up| Flavour::ALL.map(|flavour| (set_up, flavour)));
    places
        .filter(|(set_up, flavour)| set_up.is_for(*flavour))
        .flat_map(|(set_up, flavour)| Peer::ALL.map(|peer| Case { set_up, flavour, peer }))
}

fn side_by_side(cases: &[Case], jobs: usize) -> Result<Vec<Run>, String> {
    let next = AtomicUsize::new(0);
    let runs = Mutex::new(Vec::new());
    thread::scope(|scope| {
        for _ in 0..jobs {
            scope.spawn(|| {
                while let Some(case) = cases.get(next.fetch_add(1, Ordering::Relaxed)) {
                    let run = case.run().map_err(|error| format!("{case}: {error}"));
                    runs.lock().unwrap_or_else(PoisonError::into_inner).push(run);
                }
            });
        }
    });
    runs.into_inner().unwrap_or_else(PoisonError::into_inner).into_iter().collect()
}
