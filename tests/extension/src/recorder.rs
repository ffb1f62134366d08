//! An observer that keeps what it is told.

use std::{
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    thread,
    time::Duration,
};

use lifecycle_core::{
    Event, Report, State,
    ext::{Observer, Status},
};

/// Keeps what it is told, and takes its time for each word.
#[derive(Debug, Default)]
pub struct Recorder {
    takes: Duration,
    interval: Option<Duration>,
    told: Arc<Mutex<Told>>,
}

/// What a [`Recorder`] was told.
#[derive(Clone, Debug, Default)]
pub struct Told {
    /// Each state.
    pub states: Vec<State>,
    /// How many events.
    pub events: usize,
    /// How many were dropped.
    pub dropped: usize,
    /// Each status.
    pub statuses: Vec<Status>,
    /// The report, at the end.
    pub report: Option<Report>,
}

impl Recorder {
    /// Takes so long for each word.
    #[must_use]
    pub fn taking(mut self, takes: Duration) -> Self {
        self.takes = takes;
        self
    }

    /// Wants the status at this interval.
    #[must_use]
    pub fn every(mut self, interval: Duration) -> Self {
        self.interval = Some(interval);
        self
    }

    /// What it was told by now.
    pub fn told(&self) -> impl Fn() -> Told + Clone + Send + use<> {
        let told = Arc::clone(&self.told);
        move || told.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    fn note(&self) -> MutexGuard<'_, Told> {
        thread::sleep(self.takes);
        self.told.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Observer for Recorder {
    fn state(&mut self, state: State) {
        self.note().states.push(state);
    }

    fn event(&mut self, _: &Event) {
        self.note().events += 1;
    }

    fn dropped(&mut self, count: usize) {
        self.note().dropped += count;
    }

    fn interval(&self) -> Option<Duration> {
        self.interval
    }

    fn status(&mut self, status: &Status) {
        self.note().statuses.push(status.clone());
    }

    fn report(&mut self, report: &Report) {
        self.note().report = Some(report.clone());
    }
}
