//! Who runs the application's code in the place of a thread that must not: a thread that exists
//! only while there is something to run. One that does not come back is left alone, and what waits
//! behind it goes to another.

use std::{
    cell::Cell,
    collections::VecDeque,
    sync::{Condvar, Mutex, MutexGuard, PoisonError},
    time::{Duration, Instant},
};

use super::panic::contain;
use crate::os;

/// How long one piece of work may keep others waiting.
const PATIENCE: Duration = Duration::from_millis(20);

/// How long the thread waits for more before it goes.
const LINGER: Duration = Duration::from_millis(200);

thread_local! {
    /// `const` and without a destructor: to read it takes no lock and no memory.
    static KEEPS_DEADLINE: Cell<bool> = const { Cell::new(false) };
}

/// No code of the application runs on this thread from here on.
pub(crate) fn keep_out() {
    KEEPS_DEADLINE.set(true);
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
        COURIER.take(Job { kind, work: Box::new(work) });
    } else {
        work();
    }
}

/// Leaves threads alone that do not come back, and serves what waits behind them: by another
/// thread or, where none can be had, by `elsewhere`. For a thread that keeps the deadline; says
/// when it should look again.
pub(crate) fn look(elsewhere: impl FnOnce(fn())) -> Option<Duration> {
    COURIER.look(elsewhere)
}

/// What has not come back, a line each.
pub(crate) fn culprits() -> Vec<String> {
    let line = |(kind, since): &(&str, Instant)| {
        format!("a {kind} of the application has been running for {:.1?}", since.elapsed())
    };
    COURIER.lock().away.iter().map(|(_, what)| line(what)).collect()
}

static COURIER: Courier = Courier { inner: Mutex::new(Inner::new()), arrived: Condvar::new() };

struct Courier {
    inner: Mutex<Inner>,
    arrived: Condvar,
}

struct Inner {
    jobs: VecDeque<Job>,
    /// The one that serves, which may wait for more; what came before it has been left alone.
    server: Option<u64>,
    last_server: u64,
    /// What servers are at, and since when.
    away: Vec<(u64, (&'static str, Instant))>,
    /// No thread could be had at that moment.
    failed: Option<Instant>,
}

impl Inner {
    const fn new() -> Self {
        Self { jobs: VecDeque::new(), server: None, last_server: 0, away: Vec::new(), failed: None }
    }

    /// Since when the server has been at what it does.
    fn busy_since(&self) -> Option<Instant> {
        let server = self.server?;
        self.away.iter().find(|(of, _)| *of == server).map(|(_, (_, since))| *since)
    }

    fn new_server(&mut self) -> u64 {
        self.last_server += 1;
        self.server = Some(self.last_server);
        self.last_server
    }
}

struct Job {
    kind: &'static str,
    work: Box<dyn FnOnce() + Send>,
}

impl Courier {
    fn take(&'static self, job: Job) {
        let mut inner = self.lock();
        inner.jobs.push_back(job);
        if inner.server.is_some() {
            self.arrived.notify_all();
        } else if inner.failed.is_none() {
            self.start(inner);
        }
    }

    fn start(&'static self, mut inner: MutexGuard<'_, Inner>) {
        let server = inner.new_server();
        drop(inner);
        let started = os::spawn("lifecycle-wake", move || {
            os::run_as_application();
            self.serve(server, Some(LINGER));
        });
        if started.is_err() {
            let mut inner = self.lock();
            inner.server = None;
            inner.failed = Some(Instant::now());
        }
    }

    fn look(&'static self, elsewhere: impl FnOnce(fn())) -> Option<Duration> {
        let inner = self.lock();
        if inner.jobs.is_empty() {
            return None;
        }
        let waits = |since: Instant| PATIENCE.saturating_sub(since.elapsed());
        match inner.server {
            Some(_) => {
                let left = inner.busy_since().map_or(PATIENCE, waits);
                if left > Duration::ZERO {
                    return Some(left);
                }
                self.start(inner);
            }
            None => {
                drop(inner);
                elsewhere(|| COURIER.serve_what_waits());
            }
        }
        Some(PATIENCE)
    }

    fn serve_what_waits(&'static self) {
        let mut inner = self.lock();
        inner.failed = None;
        let server = inner.new_server();
        drop(inner);
        self.serve(server, None);
    }

    /// `linger`: how long to wait for more.
    fn serve(&self, server: u64, linger: Option<Duration>) {
        while let Some(Job { kind, work }) = self.next(server, linger) {
            if let Err(said) = contain(work) {
                let line = crate::text::terminal::plain_lines(&said);
                os::write_stderr(&format!(
                    "lifecycle: a {kind} of the application panicked: {line}\n"
                ));
            }
        }
    }

    fn next(&self, server: u64, linger: Option<Duration>) -> Option<Job> {
        let mut inner = self.lock();
        inner.away.retain(|(of, _)| *of != server);
        if let Some(linger) = linger {
            let idle = |inner: &mut Inner| inner.server == Some(server) && inner.jobs.is_empty();
            let waited = self.arrived.wait_timeout_while(inner, linger, idle);
            inner = waited.unwrap_or_else(PoisonError::into_inner).0;
        }
        if inner.server != Some(server) {
            return None;
        }
        let Some(job) = inner.jobs.pop_front() else {
            inner.server = None;
            return None;
        };
        inner.away.push((server, (job.kind, Instant::now())));
        Some(job)
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

            run("test", || {
                loop {
                    thread::park();
                }
            });
            run("test", move || say.send(thread::current().id()).unwrap());
            let next = loop {
                let again = look(|_| panic!("a thread can be had"));
                match said.recv_timeout(again.unwrap_or(PATIENCE)) {
                    Ok(next) => break next,
                    Err(mpsc::RecvTimeoutError::Timeout) => {}
                    Err(error) => panic!("{error}"),
                }
            };
            assert_ne!(next, keeper);
            let lines = culprits();
            assert!(lines.iter().any(|line| line.starts_with("a test of the")), "{lines:?}");
        })
        .join()
        .unwrap();
    }
}
