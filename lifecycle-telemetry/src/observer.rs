//! What hears of the lifecycle of the process, without a line in the service: by a thread, once there
//! is somebody to export to.

use std::{
    sync::atomic::{AtomicBool, Ordering},
    time::Duration,
};

use lifecycle_core::{
    Event, Report, State,
    ext::{self, Handle, Observer, Status},
};
use tracing::{info, warn};

use crate::{
    last_shutdown::{LastReport, Nothing},
    snapshot::Exported,
    summary,
};

/// How often a recorder that is not asked is told: while something is in flight, and while a stop
/// is under way.
const INTERVAL: Duration = Duration::from_secs(10);
const INTERVAL_OF_A_STOP: Duration = Duration::from_secs(1);

ext::register!(ext::OnRun::new(begin).each_state(look).at_the_end(summary::say));

fn begin() {
    let _ = Exported::begin(Handle::current(), LastReport::open());
}

/// Main may have set a recorder or a provider meanwhile.
fn look(_: State) {
    if let Some(exported) = Exported::of_process().filter(|_| is_anybody_there()) {
        begin_once(exported);
    }
}

/// Where nobody is told of metrics there is nothing behind the reference: the recorder and the
/// provider that do nothing have no size.
fn is_anybody_there() -> bool {
    #[cfg(feature = "metrics")]
    if metrics::with_recorder(|recorder| size_of_val(recorder)) > 0 {
        return true;
    }
    #[cfg(feature = "opentelemetry")]
    if size_of_val(&*opentelemetry::global::meter_provider()) > 0 {
        return true;
    }
    false
}

/// Observes from here on, unless that is done.
pub(crate) fn begin_once(exported: &'static Exported) {
    static BEGUN: AtomicBool = AtomicBool::new(false);
    if BEGUN.swap(true, Ordering::Relaxed) {
        return;
    }
    let telemetry = Telemetry { exported, unsaid: None, state: State::Starting };
    // Whoever calls may belong to a scenario.
    let _handle = exported.lifecycle().enter(|| ext::observe(telemetry));
}

struct Telemetry {
    exported: &'static Exported,
    /// Main may be what installs the subscriber.
    unsaid: Option<Nothing>,
    state: State,
}

impl Telemetry {
    fn export(&self) {
        #[cfg(feature = "metrics")]
        crate::metrics::push(self.exported);
        #[cfg(feature = "opentelemetry")]
        crate::opentelemetry::instruments::attach(self.exported);
        let _ = self.exported;
    }
}

impl Observer for Telemetry {
    fn state(&mut self, state: State) {
        // Not on the thread of `run`, which a file may hold up.
        if let Some(last_report) = self.exported.take_last_report() {
            match last_report.read() {
                Ok(last) => self.exported.last_shutdown(last),
                Err(why) => self.unsaid = Some(why),
            }
        }
        if state > State::Starting
            && let Some(why) = self.unsaid.take()
        {
            match why {
                Nothing::NotYet(why) => info!(target: "lifecycle", "{why}"),
                Nothing::Unreadable(why) => warn!(target: "lifecycle", "{why}"),
            }
        }
        self.state = state;
        self.exported.state(state);
        self.export();
    }

    fn event(&mut self, event: &Event) {
        self.exported.event(event);
    }

    fn interval(&self) -> Option<Duration> {
        Some(if self.state > State::Running { INTERVAL_OF_A_STOP } else { INTERVAL })
    }

    fn status(&mut self, _: &Status) {
        self.export();
    }

    fn report(&mut self, report: &Report) {
        self.exported.report(report);
        self.export();
    }
}
