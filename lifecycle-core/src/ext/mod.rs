//! Doors for crates that add to the library. An extension uses these and the rest of the public interface.
//!
//! What is here changes as seldom as what an application uses, and is as public.
//!
//! - An [`Observer`] is told what happens; [`observe`] registers it.
//! - A [`Component`] is there from before main until after the last hook: `Config::component` adds it.
//! - A [`LastResort`] is done when the library ends the process.
//! - A [`note`] adds a line to the report.
//! - [`job_counts`] are what the status tells of a consumer of jobs.
//! - [`Status`] is a lifecycle at one moment, and [`Handle`] asks for it from anywhere.
//! - A [`Site`] is the only door for admission; [`site()`] makes one as the program runs.
//!
//! A program is answered by what is linked into it. An extension registers what it adds with
//! [`register!`], once, at the top of a module; whoever uses the extension names its crate
//! (`use lifecycle_pictures as _;`), as a crate that nobody names is left out by the compiler.
//!
//! - A [`DrainNeed`] is counted by `fits`.
//! - `LIFECYCLE_PLAN=<name>` is answered by a [`PlanWriter`]. A [`PlanView`] is what there is to write.
//! - `LIFECYCLE_REPORT=path.<extension>` is written by a [`ReportWriter`].
//! - `Plan::fits_manifest` and `LIFECYCLE_MANIFEST` have their file read by a [`ManifestReader`], which
//!   makes a [`Deployment`] of it.
//! - `Config::admin` adds what an `AdminListener` gives it (feature `admin`).
//! - `Config::health` adds what a `HealthListener` gives it (feature `health`).
//! - An [`OnRun`] is begun with the process's `run`: an observer that needs no code in the service.
//! - [`ConnectionSites`] tell which sites count connections, and not work.
//! - A [`ServiceManager`] hears how the service is, and is asked for more time to stop.
//! - [`inherited`] has the sockets that the process was given (Unix).
//! - The functions of [`text`] are how the library writes for people.

mod connections;
mod deployment;
mod outliving;
pub mod text;

use std::sync::Arc;

use crate::{
    Guard, Site, SourceLocation,
    declare::site::{Drain, Policy},
};

pub use self::connections::{ConnectionSites, connection_kind};
pub use self::outliving::{note_outliving, outlives};
#[cfg(feature = "admin")]
pub use crate::config::AdminListener;
#[cfg(feature = "health")]
pub use crate::config::HealthListener;
#[cfg(unix)]
pub use crate::os::inherited;
pub use crate::{
    budget::{
        AskedBy, Deployment, Manifest, ManifestError, ManifestReader, Overrides, Setting,
        StopSignal, Variable,
    },
    config::{Component, ComponentError, ServiceManager},
    declare::DrainNeed,
    os::{LastResort, LastResortError, LastResortFn},
    plan::{HookView, PlanView, PlanWriter, PlannedComponent},
    report::{Note, ReportWriter},
    runtime::{
        DrainStatus, Handle, HookStatus, JobCounts, JobStatus, LastResortHandle, Observer,
        ObserverHandle, OnRun, Status, observe,
    },
};

#[doc(inline)]
pub use crate::__register as register;

/// Adds a [`PlanWriter`](crate::ext::PlanWriter), [`ReportWriter`](crate::ext::ReportWriter),
/// [`ManifestReader`](crate::ext::ManifestReader), [`DrainNeed`](crate::ext::DrainNeed), [`ServiceManager`](crate::ext::ServiceManager),
/// [`OnRun`](crate::ext::OnRun), [`ConnectionSites`](crate::ext::ConnectionSites), `HealthListener`
/// or `AdminListener` to every program that this crate is linked into. It is an item, and what it is
/// given is a constant expression.
///
/// ```
/// use lifecycle_core::{Plan, ext};
///
/// ext::register!(ext::PlanWriter::new("names", names));
///
/// fn names(plan: &Plan) -> String {
///     plan.hooks().iter().map(|hook| hook.name().to_owned() + "\n").collect()
/// }
/// ```
#[doc(hidden)]
#[macro_export]
macro_rules! __register {
    ($added:expr) => {
        $crate::__private::inventory::submit! { $added }
    };
}

/// Runs `work` as code that belongs to nobody's service: what it asks about the stop makes nobody a
/// listener, and nobody ready. For extensions, and for what answers a probe; of a future, each poll
/// is to be run in it.
///
/// # Panics
/// When `work` does.
pub fn as_library<R>(work: impl FnOnce() -> R) -> R {
    crate::admission::context::as_library(work)
}

/// A site at a place of the application's, for an extension that makes sites on its behalf: a
/// route, a queue. Its calls are refused once the service drains, and finished by the drain.
#[must_use]
pub const fn site(name: &'static str, location: SourceLocation) -> Site {
    Site::declared(name, location, Policy::FINISH)
}

/// The same with `admit = always`: counted, and never refused. For what has begun before it is
/// counted.
#[must_use]
pub const fn site_never_refused(name: &'static str, location: SourceLocation) -> Site {
    Site::declared(name, location, Policy { admit_always: true, drain: Drain::Finish })
}

/// Adds a line to the report of the stop: [`Report::notes`](crate::Report::notes), its text and its
/// JSON have it. It makes no stop unclean: what is wrong is the error of a hook or of a component.
/// What comes after the report is final is lost, as is what comes after the first thousand, which
/// are counted; a line is cut at 2,000 characters.
pub fn note(about: impl AsRef<str>, text: impl AsRef<str>) {
    crate::runtime::Lifecycle::current().notes.add(about.as_ref(), text.as_ref());
}

/// Adds a line to the report as [`note`] does, in the place of the one that was set under this
/// `about` before: for what is not yet over when the report may be made.
pub fn set_note(about: impl AsRef<str>, text: impl AsRef<str>) {
    crate::runtime::Lifecycle::current().notes.set(about.as_ref(), text.as_ref());
}

/// The counts of a consumer's jobs of one class, in [`Status::jobs`]: the same counts for the same names
/// and in the same lifecycle. An empty class is that of jobs without one.
#[must_use]
pub fn job_counts(consumer: &str, class: &str) -> Arc<JobCounts> {
    crate::runtime::Lifecycle::current().jobs.counts(consumer, class)
}

/// Says that the call of `guard` is about to be dropped, as the drain's time with it is up: it
/// counts as cancelled when it ends, and not as finished.
pub fn cancel(guard: &Guard) {
    guard.cancel();
}

/// Says that the call of `guard` was cut, and that nobody had declared it as one that may be: once
/// the service drains, it counts as abandoned when it ends, and the stop is unclean.
pub fn lose(guard: &Guard) {
    guard.lose();
}
