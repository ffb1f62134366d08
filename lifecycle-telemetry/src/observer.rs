//! What hears of the lifecycle of the process, without a line in the service.

use std::time::Duration;

use lifecycle_core::{
    Event, Report, State,
    ext::{self, Handle, Observer, Status},
};
use tracing::{info, warn};

use crate::{
    last_shutdown::{LastReport, Nothing},
    snapshot::Exported,
    summary::{Summary, say},
};

/// How often a recorder that is not asked is told: while something is in flight, and while a stop
/// is under way.
const INTERVAL: Duration = Duration::from_secs(10);
const INTERVAL_OF_A_STOP: Duration = Duration::from_secs(1);

ext::register!(ext::OnRun::new(begin));

fn begin() {
    let exported = Exported::begin(Handle::current());
    let last_report = LastReport::open();
    let _handle =
        ext::observe(Telemetry { exported, last_report, unsaid: None, state: State::Starting });
}

struct Telemetry {
    exported: &'static Exported,
    /// Until it is read, which is not done on the thread of `run`.
    last_report: Option<LastReport>,
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
        if let Some(last_report) = self.last_report.take() {
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
        say(&Summary::of(report));
        self.export();
    }
}
