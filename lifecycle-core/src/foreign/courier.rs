//! Who runs the application's code in the place of a thread that must not: threads that exist only
//! while there is something to run. One that does not come back is left alone, and what waits
//! behind it goes to others.

use std::{
    cell::Cell,
    collections::VecDeque,
    sync::{Condvar, Mutex, MutexGuard, PoisonError},
    time::{Duration, Instant},
};

use super::panic::contain;
use crate::{os, text::terminal::plain_lines};

/// How long one piece of work may keep others waiting.
const PATIENCE: Duration = Duration::from_millis(20);

/// How long a thread may take to begin.
const START_TIMEOUT: Duration = Duration::from_millis(250);

/// How many are started at once.
const MOST_THREADS: usize = 32;

/// How long a thread waits for more before it goes: through most stops, as a thread that is there is
/// woken sooner than one that is to be made.
const LINGER: Duration = Duration::from_secs(5);

thread_local! {
    /// `const` and without a destructor: to read it takes no lock and no memory.
    static KEEPS_DEADLINE: Cell<bool> = const { Cell::new(false) };
}

/// No code of the application runs on this thread from here on.
pub(crate) fn keep_out() {
    KEEPS_DEADLINE.set(true);
}

/// Nor on this one during `work`, which is the library's own.
pub(crate) fn keep_out_of<R>(work: impl FnOnce() -> R) -> R {
    struct Before(bool);
    impl Drop for Before {
        fn drop(&mut self) {
            KEEPS_DEADLINE.set(self.0);
        }
    }
    let _before = Before(KEEPS_DEADLINE.replace(true));
    work()
}

/// Whether this thread keeps the deadline.
pub(crate) fn is_kept_out() -> bool {
    KEEPS_DEADLINE.get()
}

/// Runs `work`, which is the application's, a `kind` of thing: here, or elsewhere and later where
/// this thread keeps the deadline. Only there is a panic of it contained, and said: here it is its
/// caller's, whose own code that is.
pub(crate) fn run(kind: &'static str, work: impl FnOnce() + Send + 'static) {
    if is_kept_out() {
        COURIERS.take(Job { kind, work: Box::new(work) });
    } else {
        work();
    }
}

/// Leaves threads alone that do not come back, and serves what waits behind them: by others or,
/// where none can be had or none begins, by `elsewhere`. For a thread that keeps the deadline; says
/// when it should look again.
pub(crate) fn look(elsewhere: impl FnOnce(Serve)) -> Option<Duration> {
    COURIERS.look(elsewhere)
}

/// Serves what waits, wherever it is called; dropped instead, nobody does.
pub(crate) struct Serve(());

impl Serve {
    pub(crate) fn serve(self) {
        // It counts as idle, which it is no more.
        std::mem::forget(self);
        COURIERS.serve(Duration::ZERO);
    }
}

impl Drop for Serve {
    fn drop(&mut self) {
        COURIERS.lock().idle -= 1;
    }
}

/// What has not come back, a line each.
pub(crate) fn culprits() -> Vec<String> {
    let line = |(_, kind, since): &(u64, &str, Instant)| {
        format!("a {kind} of the application has been running for {:.1?}", since.elapsed())
    };
    COURIERS.lock().busy.iter().take(SHOWN).map(line).collect()
}

/// How many of what does not come back are named.
const SHOWN: usize = 8;

static COURIERS: Couriers = Couriers { inner: Mutex::new(Inner::new()), arrived: Condvar::new() };

struct Couriers {
    inner: Mutex<Inner>,
    arrived: Condvar,
}

struct Inner {
    jobs: VecDeque<Job>,
    /// Threads that wait for a job, or are about to.
    idle: usize,
    /// What the others are at, and since when.
    busy: Vec<(u64, &'static str, Instant)>,
    last_job: u64,
    /// When a job was taken last, or a thread started for it.
    last_progress: Option<Instant>,
    /// How many threads are started next: many jobs that do not come back take no longer than few.
    next_threads: usize,
}

impl Inner {
    const fn new() -> Self {
        Self {
            jobs: VecDeque::new(),
            idle: 0,
            busy: Vec::new(),
            last_job: 0,
            last_progress: None,
            next_threads: 1,
        }
    }
}

struct Job {
    kind: &'static str,
    work: Box<dyn FnOnce() + Send>,
}

impl Couriers {
    fn take(&'static self, job: Job) {
        let mut inner = self.lock();
        if inner.jobs.is_empty() {
            // Whoever is idle has its time from now on.
            inner.last_progress = Some(Instant::now());
        }
        inner.jobs.push_back(job);
        if inner.idle > 0 {
            // Where there are more jobs than threads that wait, all of those have been woken. Without
            // the lock, on which who wakes would wait at once.
            let wakes = inner.jobs.len() <= inner.idle;
            drop(inner);
            if wakes {
                self.arrived.notify_one();
            }
        } else if inner.busy.is_empty() {
            self.start(inner);
        }
    }

    /// Starts a thread; says whether one could be had.
    fn start(&'static self, mut inner: MutexGuard<'_, Inner>) -> bool {
        inner.idle += 1;
        inner.last_progress = Some(Instant::now());
        drop(inner);
        let started = os::spawn("lifecycle-wake", move || {
            os::run_as_application();
            self.serve(LINGER);
        });
        if started.is_err() {
            self.lock().idle -= 1;
        }
        started.is_ok()
    }

    fn look(&'static self, elsewhere: impl FnOnce(Serve)) -> Option<Duration> {
        let mut inner = self.lock();
        if inner.jobs.is_empty() {
            inner.next_threads = 1;
            return None;
        }
        let since = inner.last_progress.map_or(Duration::MAX, |at| at.elapsed());
        // Whoever is idle has not begun: a new thread may not get through the loader.
        let begins = inner.idle == 0;
        let patience = if begins { PATIENCE } else { START_TIMEOUT };
        if since < patience {
            return Some((patience - since).min(PATIENCE));
        }
        let threads = inner.next_threads;
        inner.next_threads = (threads * 2).min(MOST_THREADS);
        drop(inner);
        if !begins || !(0..threads).all(|_| self.start(self.lock())) {
            let mut inner = self.lock();
            inner.idle += 1;
            inner.last_progress = Some(Instant::now());
            drop(inner);
            elsewhere(Serve(()));
        }
        Some(PATIENCE)
    }

    /// `linger`: how long to wait for more.
    fn serve(&self, linger: Duration) {
        let mut done = None;
        while let Some((id, Job { kind, work })) = self.next(done, linger) {
            if let Err(said) = contain(work) {
                let line = plain_lines(&said);
                os::write_stderr(&format!(
                    "lifecycle: a {kind} of the application panicked: {line}\n"
                ));
            }
            done = Some(id);
        }
    }

    /// A caller that has `done` nothing yet is counted as idle.
    fn next(&self, done: Option<u64>, linger: Duration) -> Option<(u64, Job)> {
        let mut inner = self.lock();
        if let Some(done) = done {
            inner.busy.retain(|(id, ..)| *id != done);
            inner.idle += 1;
        }
        let nothing = |inner: &mut Inner| inner.jobs.is_empty();
        let waited = self.arrived.wait_timeout_while(inner, linger, nothing);
        let mut inner = waited.unwrap_or_else(PoisonError::into_inner).0;
        inner.idle -= 1;
        let job = inner.jobs.pop_front()?;
        inner.last_job += 1;
        let id = inner.last_job;
        let now = Instant::now();
        inner.last_progress = Some(now);
        inner.busy.push((id, job.kind, now));
        Some((id, job))
    }

    fn lock(&self) -> MutexGuard<'_, Inner> {
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use std::{sync::mpsc, thread};

    use super::*;

    /// One test, as the courier is the process's.
    #[test]
    fn what_is_the_applications_runs_elsewhere_and_what_waits_behind_it_is_served() {
        let here = thread::current().id();
        let (say, said) = mpsc::channel();
        let tell = say.clone();
        run("test", move || tell.send(thread::current().id()).unwrap());
        assert_eq!(said.recv().unwrap(), here, "a thread of the application's own");

        thread::spawn(move || {
            keep_out();
            let keeper = thread::current().id();
            run("test", || panic!("on purpose"));
            let tell = say.clone();
            run("test", move || tell.send(thread::current().id()).unwrap());
            assert_ne!(said.recv_timeout(Duration::from_secs(10)).unwrap(), keeper);

            for _ in 0..200 {
                run("test", || {
                    loop {
                        thread::park();
                    }
                });
            }
            run("test", move || say.send(thread::current().id()).unwrap());
            let began = Instant::now();
            let next = loop {
                let again = look(|_| panic!("a thread can be had"));
                match said.recv_timeout(again.unwrap_or(PATIENCE)) {
                    Ok(next) => break next,
                    Err(mpsc::RecvTimeoutError::Timeout) => {}
                    Err(error) => panic!("{error}"),
                }
            };
            assert_ne!(next, keeper);
            assert!(began.elapsed() < Duration::from_secs(2), "{:?}", began.elapsed());
            // One that waits is given its time, however long it has waited, and a place where nobody
            // serves takes nothing away.
            thread::sleep(START_TIMEOUT * 2);
            let (say, said) = mpsc::channel();
            run("test", move || say.send(()).unwrap());
            look(|_| panic!("a thread waits"));
            said.recv_timeout(Duration::from_secs(10)).unwrap();
            COURIERS.lock().idle += 1;
            let before = COURIERS.lock().idle;
            drop(Serve(()));
            assert_eq!(COURIERS.lock().idle, before - 1);

            let lines = culprits();
            assert!(lines.iter().any(|line| line.starts_with("a test of the")), "{lines:?}");
        })
        .join()
        .unwrap();
    }
}
