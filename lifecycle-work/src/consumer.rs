//! What a user writes: a consumer, its numbers and its classes.

use std::{fmt, future::Future, time::Duration};

use lifecycle_core::{SourceLocation, ext, requested};

use crate::{
    Class, Policy, Source,
    closing::{ROOM, Turn},
    intake,
    result::JobResult,
    shared::{ClassState, Shared, Terms},
    sites,
};

/// As most clients of brokers have it.
const CONCURRENCY: usize = 16;
const LEASE: Duration = Duration::from_secs(30);
const SETTLE: Duration = Duration::from_secs(5);
/// A year: what somebody calls without end can be added to a moment.
const LONGEST: Duration = Duration::from_secs(365 * 24 * 60 * 60);

/// A consumer of this name: what it works on shows under it in the status, in metrics and in the report.
///
/// ```no_run
/// use std::time::Duration;
/// # use lifecycle_work as work;
/// # async fn charge(order: u64) -> Result<(), std::io::Error> { Ok(()) }
/// # async fn example(source: impl work::Source<Job = u64>) {
/// work::consumer("orders")
///     .concurrency(16)
///     .lease(Duration::from_secs(30))
///     .run(source, |order| async move { charge(order).await })
///     .await;
/// # }
/// ```
#[track_caller]
#[must_use = "a consumer consumes once it is run"]
pub const fn consumer(name: &'static str) -> Consumer {
    Consumer {
        name,
        location: SourceLocation::caller(),
        concurrency: CONCURRENCY,
        prefetch: 0,
        lease: None,
        settle: SETTLE,
        own: Class::new(""),
        declared: &[],
        classes: Vec::new(),
    }
}

/// Made by [`consumer`]. It can be a `static`, which [`declare!`](crate::declare) lets the plan know of.
#[derive(Clone, Debug)]
#[must_use = "a consumer consumes once it is run"]
pub struct Consumer {
    name: &'static str,
    location: SourceLocation,
    concurrency: usize,
    prefetch: usize,
    lease: Option<Duration>,
    settle: Duration,
    /// That of jobs without one.
    own: Class,
    declared: &'static [Class],
    classes: Vec<Class>,
}

impl Consumer {
    /// How many jobs are worked on at once; 16 where nothing is said.
    ///
    /// # Panics
    /// When it is 0.
    pub const fn concurrency(mut self, jobs: usize) -> Self {
        assert!(jobs > 0, "a consumer of concurrency 0 does nothing");
        self.concurrency = jobs;
        self
    }

    /// How many jobs are held at once, those that wait for a place included; as many as are worked on
    /// where nothing, or less, is said. At a stop, those that wait are given back at once.
    pub const fn prefetch(mut self, jobs: usize) -> Self {
        self.prefetch = jobs;
        self
    }

    /// How long the broker leaves a job to whoever received it. It is renewed from the middle on, until
    /// the broker was told what has become of the job. A source that knows a shorter one has its own;
    /// where nobody says anything, 30 s.
    ///
    /// # Panics
    /// When it is zero.
    pub const fn lease(mut self, lease: Duration) -> Self {
        assert!(!lease.is_zero(), "a lease of no time is none");
        self.lease = Some(lease);
        self
    }

    /// How long a [`receive`](Source::receive) that is under way when a stop is asked for may take to
    /// come back; 5 s where nothing is said, and what the drain has at most.
    pub const fn settle(mut self, time: Duration) -> Self {
        self.settle = time;
        self
    }

    /// Jobs without a class are [finished](Policy::Finish). So it is where nothing is said.
    pub const fn finish(self) -> Self {
        self.policy(Policy::Finish)
    }

    /// Jobs without a class are [given back at once](Policy::Requeue).
    pub const fn requeue(self) -> Self {
        self.policy(Policy::Requeue)
    }

    /// Jobs without a class are [given back after so much time](Policy::RequeueAfter).
    pub const fn requeue_after(self, time: Duration) -> Self {
        self.policy(Policy::RequeueAfter(time))
    }

    /// Jobs without a class are [dropped at once](Policy::Abandon).
    pub const fn abandon(self) -> Self {
        self.policy(Policy::Abandon)
    }

    /// Jobs without a class are treated so.
    pub const fn policy(mut self, policy: Policy) -> Self {
        self.own = self.own.policy(policy);
        self
    }

    /// The priority of jobs without a class, as [`Class::priority`] has it.
    pub const fn priority(mut self, priority: i32) -> Self {
        self.own = self.own.priority(priority);
        self
    }

    /// The classes of a consumer that is a `static`.
    pub const fn classes(mut self, classes: &'static [Class]) -> Self {
        self.declared = classes;
        self
    }

    /// Adds a class. The last of a name counts.
    pub fn class(mut self, class: Class) -> Self {
        self.classes.push(class);
        self
    }

    /// What it needs of the time from the request to the end of the drain, for
    /// [`declare!`](crate::declare).
    #[doc(hidden)]
    #[must_use]
    pub const fn drain_need(&self) -> Duration {
        let mut longest = of_policy(self.own.policy);
        let mut at = 0;
        while at < self.declared.len() {
            let time = of_policy(self.declared[at].policy);
            if time.as_nanos() > longest.as_nanos() {
                longest = time;
            }
            at += 1;
        }
        if longest.is_zero() { longest } else { longest.saturating_add(ROOM) }
    }

    #[doc(hidden)]
    #[must_use]
    pub const fn name(&self) -> &'static str {
        self.name
    }

    #[doc(hidden)]
    #[must_use]
    pub const fn location(&self) -> SourceLocation {
        self.location
    }

    /// Works on what `source` hands out until a stop is asked for, and completes when the broker was
    /// told of every job what has become of it. Each job runs in a task of its own.
    ///
    /// - A job is acknowledged after its handler has returned `()` or `Ok`, and never else.
    /// - A handler that returns an error or panics: the job has [failed](Source::fail).
    /// - Once a stop is asked for, nothing more is received and no job begins: those that wait are
    ///   given back, and what a receive that is under way still brings as well. Running jobs have what
    ///   their [`Policy`] says. One that is due is not polled any more, is given back, and is dropped
    ///   then: no other worker has it while its handler goes on, and a process that is killed in
    ///   between has lost nothing. Where giving back takes longer than 250 ms, the handler is dropped
    ///   before, as what it holds may be what giving back waits for.
    /// - A job whose lease was lost is dropped: the broker has given it to somebody else.
    ///
    /// Errors of the source are said in the log, and tried again while the service runs. The source is
    /// dropped when this completes, after the last word to the broker.
    ///
    /// # Panics
    /// Outside of a tokio runtime with time.
    ///
    /// # Cancel safety
    /// Dropped, it receives no more, and its jobs are treated as at a stop, by their own tasks: those that
    /// run have what their policy says, and are in flight until then.
    #[track_caller]
    pub fn run<S, H, F>(
        &self,
        source: S,
        handler: H,
    ) -> impl Future<Output = Worked> + Send + use<S, H, F>
    where
        S: Source,
        H: Fn(S::Job) -> F + Send + Sync + 'static,
        F: Future + Send + 'static,
        F::Output: JobResult,
    {
        // Whoever calls it listens: main is given the drain's time to return.
        let requested = requested();
        let terms = Terms {
            concurrency: self.concurrency,
            held: self.concurrency.max(self.prefetch),
            lease: [self.lease, source.lease()]
                .into_iter()
                .flatten()
                .min()
                .unwrap_or(LEASE)
                .min(LONGEST),
            settle: self.settle.min(LONGEST),
        };
        let site = sites::of(self.name, "", self.location);
        let shared = Shared::new(self.name, site, self.class_states(), terms, source);
        intake::run(shared, handler, requested)
    }

    /// That of jobs without a class first.
    fn class_states(&self) -> Vec<ClassState> {
        let mut classes = vec![self.own];
        for class in self.declared.iter().chain(&self.classes) {
            match classes.iter_mut().find(|known| known.name == class.name) {
                Some(known) => *known = *class,
                None => classes.push(*class),
            }
        }
        let mut priorities: Vec<_> = classes.iter().map(|class| class.priority).collect();
        priorities.sort_unstable();
        priorities.dedup();
        let state = |class: &Class| {
            let rank = priorities.partition_point(|priority| *priority < class.priority);
            ClassState {
                name: class.name,
                turn: Turn {
                    policy: in_range(class.policy),
                    rank: u32::try_from(rank).unwrap_or(u32::MAX),
                    ranks: u32::try_from(priorities.len()).unwrap_or(u32::MAX),
                },
                site: sites::of(self.name, class.name, self.location),
                counts: ext::job_counts(self.name, class.name),
            }
        };
        classes.iter().map(state).collect()
    }
}

/// Lets the plan know of a consumer that is a `static`: `fits` counts the longest of its
/// [`requeue_after`](Class::requeue_after) for the drain, with a second to give back what is left. All
/// share the drain, so they do not add up.
///
/// ```
/// use std::time::Duration;
/// use lifecycle_work::{self as work, Class, Consumer};
///
/// static ORDERS: Consumer = work::consumer("orders")
///     .concurrency(16)
///     .classes(&[Class::new("report").requeue_after(Duration::from_secs(20))]);
/// work::declare!(ORDERS);
///
/// # use lifecycle_core as lifecycle;
/// let plan = lifecycle::Plan::collect().unwrap();
/// let error = plan.fits(Duration::from_secs(20)).unwrap_err().to_string();
/// assert!(error.contains("for `orders`"), "{error}");
/// plan.fits(Duration::from_secs(30)).unwrap();
/// ```
#[macro_export]
macro_rules! declare {
    ($consumer:path) => {
        const _: () = {
            $crate::__private::register!($crate::__private::DrainNeed::new(
                $consumer.name(),
                $consumer.location(),
                $consumer.drain_need(),
            ));
        };
    };
}

fn in_range(policy: Policy) -> Policy {
    match policy {
        Policy::RequeueAfter(time) => Policy::RequeueAfter(time.min(LONGEST)),
        Policy::Finish | Policy::Requeue | Policy::Abandon => policy,
    }
}

const fn of_policy(policy: Policy) -> Duration {
    match policy {
        Policy::RequeueAfter(time) => time,
        Policy::Finish | Policy::Requeue | Policy::Abandon => Duration::ZERO,
    }
}

/// What has become of the jobs that a consumer received.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Worked {
    /// Handed out by the broker.
    pub received: u64,
    /// Done, and acknowledged.
    pub done: u64,
    /// Their handler failed or panicked.
    pub failed: u64,
    /// Given back to the broker, not done.
    pub given_back: u64,
    /// Dropped without a word to the broker, which delivers them again when their lease ends.
    pub abandoned: u64,
    /// The broker could not be told what has become of them: it delivers them again.
    pub untold: u64,
}

impl fmt::Display for Worked {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} received, {} done", self.received, self.done)?;
        let rest = [
            (self.failed, "failed"),
            (self.given_back, "given back"),
            (self.abandoned, "abandoned"),
            (self.untold, "not told to the broker"),
        ];
        for (count, what) in rest.into_iter().filter(|(count, _)| *count > 0) {
            write!(f, ", {count} {what}")?;
        }
        Ok(())
    }
}
