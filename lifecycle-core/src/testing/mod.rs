//! An isolated lifecycle for a test: what a plan and its hooks do under a stop, in no time.
//!
//! ```
//! use std::time::Duration;
//! use lifecycle_core::{Config, testing::Scenario};
//!
//! # #[tokio::main(flavor = "current_thread", start_paused = true)]
//! # async fn main() {
//! let report = Scenario::new()
//!     .config(Config::new().grace_period(Duration::from_secs(30)))
//!     .main(async { lifecycle_core::draining().await })
//!     .shutdown("test")
//!     .await;
//! assert!(report.is_clean());
//! # }
//! ```

mod clock;
mod clock_guard;
mod env_guard;
mod explore;
mod golden;
mod harness;
mod invariants;
mod rng;
#[doc(hidden)]
pub mod samples;

use std::{
    future::poll_fn,
    panic::{AssertUnwindSafe, catch_unwind, resume_unwind},
    pin::{Pin, pin},
    task::Poll,
    time::Duration,
};

use tokio::{
    runtime::{Handle, Runtime, RuntimeFlavor},
    task::{JoinError, JoinSet},
};

pub use self::{
    clock::{ClockHold, hold_clock},
    explore::Explored,
    golden::assert_golden,
};
use self::{env_guard::EnvGuard, harness::Fault};
use crate::{
    Config, Hook, HookResult, HookSet, Plan, Platform, Reason, Report, Signal, Site, State,
    admission::context,
    declare::{HookId, hook::HookEnd, site::SiteEntry},
    machine::Input,
    report::Problem,
    runtime::{MainFailure, MainResult, run_under},
};

/// A lifecycle of its own for one test thread: its resources, its counts, its clock. From its making to
/// its end, everything of this library that is called on this thread belongs to it: `provide`,
/// `draining()`, tracked functions. Scenarios on other threads do not see each other, and none of them
/// sees `LIFECYCLE_*` or signals.
///
/// It runs on the clock of the test's runtime: paused (`#[lifecycle::test]`, or
/// `#[tokio::test(start_paused = true)]`), minutes take no time and every run is the same. Functions that
/// are not async run for real, take no virtual time, and hold the clock for 10 s of real time at most. Work
/// that waits for something outside the runtime, a database or a socket, has to say so:
/// [`outside`](Self::outside) for hooks, [`hold_clock`] for anything else.
///
/// What would end a process (the deadline, the last step of the escalation) is the exit code of the report.
#[must_use = "a scenario does nothing until it is run"]
pub struct Scenario {
    config: Config,
    plan: Plan,
    main: Option<Main>,
    script: Vec<(Duration, Act)>,
    ready: bool,
    invariants: Vec<Invariant>,
    env_guard: EnvGuard,
}

type Main = Pin<Box<dyn Future<Output = Result<(), MainFailure>>>>;
type Invariant = Box<dyn Fn(&Report) -> Result<(), String> + Send + Sync>;

/// Something that happens at a time.
enum Act {
    Signal(Signal),
    Task(Pin<Box<dyn Future<Output = ()> + Send>>),
}

impl Scenario {
    /// A scenario with every hook that the test is linked with, at the defaults of an unknown platform.
    ///
    /// # Panics
    ///
    /// Outside a current_thread runtime, as work on other threads would not be the scenario's; and where
    /// this thread has a scenario already.
    #[expect(clippy::new_without_default, reason = "it takes possession of the thread")]
    pub fn new() -> Self {
        let flavor = Handle::try_current().map(|runtime| runtime.runtime_flavor());
        assert!(
            matches!(flavor, Ok(RuntimeFlavor::CurrentThread)),
            "a Scenario needs a current_thread runtime: use #[lifecycle::test], or #[tokio::test(start_paused = \
             true)]"
        );
        Self {
            config: Config::new().platform(Platform::Unknown),
            plan: Plan::linked(),
            main: None,
            script: Vec::new(),
            ready: true,
            invariants: Vec::new(),
            env_guard: EnvGuard::take(),
        }
    }

    /// Leaves out all hooks but these.
    pub fn only<S: HookSet>(mut self) -> Self {
        self.plan = self.plan.only::<S>();
        self
    }

    /// Leaves out this hook.
    pub fn without<H: Hook>(mut self) -> Self {
        self.plan = self.plan.without::<H>();
        self
    }

    /// Runs this plan.
    pub fn plan(mut self, plan: Plan) -> Self {
        self.plan = plan;
        self
    }

    /// Runs under this configuration. Without a platform in it, the platform is unknown; its plan, if it
    /// has one, takes the place of the scenario's.
    pub fn config(mut self, config: Config) -> Self {
        self.plan = config.plan.clone().unwrap_or(self.plan);
        self.config = Config { platform: config.platform.or(Some(Platform::Unknown)), ..config };
        self
    }

    /// Provides `value` to the hooks, as [`provide`](crate::provide) does; `uses` can be said there.
    #[track_caller]
    pub fn provide<T: Send + 'static>(self, value: T) -> Self {
        crate::provide(value);
        self
    }

    /// `action` instead of the work of `H`. It needs no resources.
    pub fn replace<H: Hook>(self, action: impl Action) -> Self {
        self.inject_fault::<H>(Fault::Play(Box::new(|| action.start())))
    }

    /// `H` never ends by itself; it goes when it is cancelled.
    pub fn hang<H: Hook>(self) -> Self {
        self.replace::<H>(std::future::pending::<()>)
    }

    /// `H` fails with this error, at once.
    pub fn fail<H: Hook>(self, error: impl Into<String>) -> Self {
        let error = error.into();
        self.replace::<H>(move || async move { Err::<(), _>(error) })
    }

    /// `action` instead of the work of the hook of this name, such as one that is registered at run
    /// time. Names are as the plan shows them.
    pub fn replace_named(self, name: impl Into<String>, action: impl Action) -> Self {
        let fault = Fault::Play(Box::new(|| action.start()));
        self.env_guard.harness.inject_named_fault(name.into(), fault);
        self
    }

    /// The hook of this name never ends by itself; it goes when it is cancelled.
    pub fn hang_named(self, name: impl Into<String>) -> Self {
        self.replace_named(name, std::future::pending::<()>)
    }

    /// The hook of this name fails with this error, at once.
    pub fn fail_named(self, name: impl Into<String>, error: impl Into<String>) -> Self {
        let error = error.into();
        self.replace_named(name, move || async move { Err::<(), _>(error) })
    }

    /// `H` panics, at once. Nothing is printed.
    pub fn panic<H: Hook>(self) -> Self {
        async fn panics() {
            resume_unwind(Box::new("as the scenario asked"));
        }
        self.replace::<H>(panics)
    }

    /// `H` blocks its thread for this long: it does not go when it is cancelled, and then ends by itself.
    pub fn block<H: Hook>(self, duration: Duration) -> Self {
        self.inject_fault::<H>(Fault::Block(duration))
    }

    /// These hooks do their own work and wait for something outside the runtime meanwhile: a database, a
    /// socket, a thread. It takes no virtual time, and the clock stands still for it, for 10 s of real time
    /// at most. Without this a paused clock takes the runtime for idle and jumps, so that the hook times out.
    pub fn outside<S: HookSet>(self) -> Self {
        self.env_guard.harness.wait_outside(S::markers());
        self
    }

    /// This main; without it, main waits for `draining()` and returns, or, [`starting`](Self::starting), for ever.
    pub fn main<M>(mut self, main: M) -> Self
    where
        M: Future<Output: MainResult> + 'static,
    {
        self.main = Some(Box::pin(async move { main.await.into_result() }));
        self
    }

    /// Does not say that main is ready: it stays `Starting` until main does.
    pub fn starting(mut self) -> Self {
        self.ready = false;
        self
    }

    /// This signal comes, so long after the beginning.
    pub fn signal_at(mut self, at: Duration, signal: Signal) -> Self {
        self.script.push((at, Act::Signal(signal)));
        self
    }

    /// This future runs, so long after the beginning, on a task of its own. A panic in it fails the test; what is
    /// left of it when the report is final is dropped.
    pub fn at(mut self, at: Duration, task: impl Future<Output = ()> + Send + 'static) -> Self {
        self.script.push((at, Act::Task(Box::pin(task))));
        self
    }

    /// A call of `site` begins, so long after the beginning, and lasts so long unless it is refused.
    pub fn call_at(self, at: Duration, site: &'static Site, lasts: Duration) -> Self {
        self.at(at, async move {
            let _ = site.track(tokio::time::sleep(lasts)).await;
        })
    }

    /// A call of the site of this name begins, so long after the beginning, and lasts so long unless
    /// it is refused. A site that is no `#[tracked]` function is known once it has been used.
    ///
    /// # Panics
    ///
    /// At that moment, when no site of this name is known.
    pub fn call_named_at(self, at: Duration, name: impl Into<String>, lasts: Duration) -> Self {
        let name = name.into();
        self.at(at, async move {
            let gate = context::own_gate();
            let used = gate.and_then(|gate| gate.site(&name));
            let linked = || {
                let mut sites = inventory::iter::<SiteEntry>.into_iter().map(|entry| entry.0);
                sites.find(|site| site.name() == name)
            };
            match used.or_else(linked) {
                Some(site) => drop(site.track(tokio::time::sleep(lasts)).await),
                None => panic!("no site of the name `{name}` is known: is it used by then?"),
            }
        })
    }

    /// What has to hold of every report that [`explore`](Self::explore) sees, besides what always has to.
    pub fn invariant(
        mut self,
        check: impl Fn(&Report) -> Result<(), String> + Send + Sync + 'static,
    ) -> Self {
        self.invariants.push(Box::new(check));
        self
    }

    /// Runs it and asks for a stop for this reason as soon as it is `Running` (or, where it is
    /// [`starting`](Self::starting), as soon as main has been polled).
    pub async fn shutdown(self, reason: impl Into<Reason>) -> Report {
        self.perform(Some(reason.into())).await
    }

    /// Runs it until main, a signal or a task of the script stops it.
    pub async fn run(self) -> Report {
        self.perform(None).await
    }

    async fn perform(self, reason: Option<Reason>) -> Report {
        let Self { config, plan, main, script, ready, env_guard, .. } = self;
        let lifecycle = env_guard.lifecycle;
        tokio::spawn(env_guard.harness.drive(lifecycle));
        if ready {
            crate::ready();
        }
        let mut acts = JoinSet::new();
        for (at, act) in script {
            acts.spawn(async move {
                tokio::time::sleep(at).await;
                match act {
                    Act::Signal(signal) => {
                        lifecycle.post(Input::Signal { signal, sender: None, on_terminal: false });
                    }
                    Act::Task(task) => task.await,
                }
            });
        }
        let (polled, was_polled) = tokio::sync::oneshot::channel();
        if let Some(reason) = reason {
            let mut published = lifecycle.published.subscribe();
            tokio::spawn(async move {
                let _ = was_polled.await;
                if ready {
                    // The sender lives as long as the process.
                    let _ = published.wait_for(|now| now.state >= State::Running).await;
                }
                lifecycle.request(reason);
            });
        }
        let main = main.unwrap_or_else(|| default_main(ready));
        let main = async {
            let _ = polled.send(());
            main.await
        };
        let mut run = pin!(run_under(config.plan(plan), main, false));
        let report = poll_fn(|cx| {
            while let Poll::Ready(Some(ended)) = acts.poll_join_next(cx) {
                fail_with(ended);
            }
            run.as_mut().poll(cx)
        });
        let report = hinted(report.await);
        // What the script still does is this scenario's: nothing of it reaches the next on this thread.
        acts.shutdown().await;
        report
    }

    fn inject_fault<H: Hook>(self, fault: Fault) -> Self {
        self.env_guard.harness.inject_fault(HookId::of::<H>(), fault);
        self
    }
}

/// What sqlx says when its pool had no connection in time, as `Display` and as `Debug`.
const POOL_TIMED_OUT: [&str; 2] =
    ["pool timed out while waiting for an open connection", "PoolTimedOut"];

const POOL_HINT: &str = "a pool timed out, and the clock of this test jumps while everything waits: where the test or \
                         main waits for a database, hold it with lifecycle::testing::hold_clock; for a hook there \
                         is Scenario::outside";

fn is_pool_timeout(text: &str) -> bool {
    POOL_TIMED_OUT.iter().any(|said| text.contains(said))
}

/// With a hint where a database had no time, as the clock jumped over it.
fn hinted(report: Report) -> Report {
    let is_pool_timeout = report.problems().iter().any(|problem| is_pool_timeout(problem));
    if is_pool_timeout { report.with_problem(Problem::Holds(POOL_HINT.to_owned())) } else { report }
}

/// An assertion that failed in a script fails the test.
fn fail_with(ended: Result<(), JoinError>) {
    if let Some(panic) = ended.err().and_then(|error| error.try_into_panic().ok()) {
        resume_unwind(panic);
    }
}

/// The body of `#[lifecycle::test]`.
///
/// # Panics
///
/// When no runtime can be built.
#[doc(hidden)]
pub fn test<F: Future>(body: F) -> F::Output {
    /// Does not wait for threads that a test left behind.
    struct Leaving(Option<Runtime>);
    impl Drop for Leaving {
        fn drop(&mut self) {
            if let Some(runtime) = self.0.take() {
                runtime.shutdown_background();
            }
        }
    }
    let runtime =
        tokio::runtime::Builder::new_current_thread().enable_all().start_paused(true).build();
    let runtime =
        Leaving(Some(runtime.unwrap_or_else(|error| panic!("no runtime could be built: {error}"))));
    let Some(running) = &runtime.0 else { unreachable!("it is taken at the end") };
    match catch_unwind(AssertUnwindSafe(|| running.block_on(body))) {
        Ok(output) => output,
        Err(panic) => {
            let text = panic.downcast_ref::<String>();
            if text.is_some_and(|text| is_pool_timeout(text)) {
                eprintln!("lifecycle: {POOL_HINT}");
            }
            resume_unwind(panic)
        }
    }
}

/// Waits for the drain; or, where main is not to become ready, for ever, as listening says that it is.
fn default_main(ready: bool) -> Main {
    if !ready {
        return Box::pin(std::future::pending());
    }
    let draining = crate::draining();
    Box::pin(async {
        draining.await;
        Ok(())
    })
}

/// What takes the place of a hook: a closure that makes a future.
pub trait Action: Send + 'static {
    #[doc(hidden)]
    fn start(self) -> Pin<Box<dyn Future<Output = HookEnd> + Send>>;
}

impl<F, Fut> Action for F
where
    F: FnOnce() -> Fut + Send + 'static,
    Fut: Future<Output: HookResult> + Send + 'static,
{
    fn start(self) -> Pin<Box<dyn Future<Output = HookEnd> + Send>> {
        let future = self();
        Box::pin(async move { future.await.into_end() })
    }
}
