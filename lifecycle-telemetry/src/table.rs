//! The metrics, all of them: what is exported, the page `docs/metrics.md`, and the tests of the
//! alerts and of the dashboard have them from here.

use std::fmt::Write;

/// One of the metrics.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Metric {
    /// As OpenTelemetry has it.
    pub name: &'static str,
    /// How its value moves.
    pub kind: Kind,
    /// What its value counts.
    pub unit: Unit,
    /// What it is split by.
    pub labels: &'static [&'static str],
    /// What it says.
    pub help: &'static str,
}

/// How the value of a metric moves.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// Up and down.
    Gauge,
    /// Only up, from 0 at the start of the process.
    Counter,
}

/// What the value of a metric counts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Unit {
    /// A yes or no, or a number that counts nothing.
    None,
    /// Seconds.
    Seconds,
    /// Calls of tracked work.
    Calls,
    /// Connections.
    Connections,
    /// Jobs of a queue.
    Jobs,
    /// Requests for a stop, or stops.
    Stops,
}

impl Unit {
    /// As UCUM writes it.
    #[must_use]
    pub const fn ucum(self) -> &'static str {
        match self {
            Self::None => "",
            Self::Seconds => "s",
            Self::Calls => "{call}",
            Self::Connections => "{connection}",
            Self::Jobs => "{job}",
            Self::Stops => "{stop}",
        }
    }
}

impl Metric {
    /// Its name in Prometheus, which is also what an exporter of OpenTelemetry makes of it.
    #[must_use]
    pub fn prometheus_name(&self) -> String {
        let unit = if self.unit == Unit::Seconds { "_seconds" } else { "" };
        let total = if self.kind == Kind::Counter { "_total" } else { "" };
        format!("{}{unit}{total}", self.name.replace('.', "_"))
    }
}

const fn gauge(
    name: &'static str,
    unit: Unit,
    labels: &'static [&'static str],
    help: &'static str,
) -> Metric {
    Metric { name, kind: Kind::Gauge, unit, labels, help }
}

const fn counter(
    name: &'static str,
    unit: Unit,
    labels: &'static [&'static str],
    help: &'static str,
) -> Metric {
    Metric { name, kind: Kind::Counter, unit, labels, help }
}

macro_rules! table {
    ($($constant:ident = $metric:expr;)*) => {
        $(pub(crate) const $constant: &Metric = &$metric;)*

        /// Every metric.
        pub const METRICS: &[&Metric] = &[$($constant),*];
    };
}

table! {
    STATE = gauge("lifecycle.state", Unit::None, &["state"],
        "1 for the state that the lifecycle is in, 0 for the others");
    READY = gauge("lifecycle.ready", Unit::None, &[], "1 while traffic may come");
    IN_FLIGHT = gauge("lifecycle.in_flight", Unit::Calls, &["site"],
        "calls that were admitted and have not ended");
    OLDEST = gauge("lifecycle.in_flight.oldest", Unit::Seconds, &["site"],
        "how long ago the oldest of them was admitted");
    ADMITTED = counter("lifecycle.calls.admitted", Unit::Calls, &["site"],
        "calls that the stop has to do with: in flight when draining began, or begun by those");
    REFUSED = counter("lifecycle.calls.refused", Unit::Calls, &["site"],
        "calls turned away since draining began");
    FINISHED = counter("lifecycle.calls.finished", Unit::Calls, &["site"],
        "of those admitted: their code ran to its end within the drain");
    CANCELLED = counter("lifecycle.calls.cancelled", Unit::Calls, &["site"],
        "of those admitted: dropped half-way by `drain = cancel`");
    ABANDONED = counter("lifecycle.calls.abandoned", Unit::Calls, &["site"],
        "of those admitted: still running when the drain's time was up");
    CONNECTIONS_CUT = counter("lifecycle.connections.cut", Unit::Connections, &["kind"],
        "connections that the end of the drain cut, by what they were doing");
    JOBS_RECEIVED = counter("lifecycle.jobs.received", Unit::Jobs, &["consumer", "class"],
        "jobs that a broker has handed out to a consumer");
    JOBS = counter("lifecycle.jobs", Unit::Jobs, &["consumer", "class", "outcome"],
        "of those received: done, failed, given back, abandoned, or not told to the broker");
    DRAIN = gauge("lifecycle.drain", Unit::Seconds, &[], "how long the drain takes, or took");
    DRAIN_BUDGET = gauge("lifecycle.drain.budget", Unit::Seconds, &[],
        "how long the drain may take; absent without a limit");
    HOOK = gauge("lifecycle.hook", Unit::Seconds, &["hook", "outcome"],
        "how long a hook took that has its outcome");
    REQUESTS = counter("lifecycle.stop.requests", Unit::Stops, &["reason"],
        "requests for a stop, by the kind of their reason");
    BREACHES = counter("lifecycle.deadline.breaches", Unit::Stops, &[],
        "stops that the deadline ended: the last one, as a process that it ends exports nothing");
    LAST_CLEAN = gauge("lifecycle.last_shutdown.clean", Unit::None, &[],
        "of the run before this one: 1 if its stop was clean");
    LAST_EXIT_CODE = gauge("lifecycle.last_shutdown.exit_code", Unit::None, &[],
        "of the run before this one: its exit code");
    LAST_DURATION = gauge("lifecycle.last_shutdown.duration", Unit::Seconds, &[],
        "of the run before this one: from the request to the end of the teardown");
    LAST_DRAIN = gauge("lifecycle.last_shutdown.drain", Unit::Seconds, &[],
        "of the run before this one: how long its drain took");
    LAST_DRAIN_BUDGET = gauge("lifecycle.last_shutdown.drain.budget", Unit::Seconds, &[],
        "of the run before this one: how long its drain might have taken; absent without a limit");
    LAST_ABANDONED = gauge("lifecycle.last_shutdown.abandoned", Unit::Calls, &[],
        "of the run before this one: calls that it abandoned");
    LAST_REASON = gauge("lifecycle.last_shutdown.reason", Unit::None, &["reason"],
        "of the run before this one: 1 for the kind of its reason");
    LAST_TIMESTAMP = gauge("lifecycle.last_shutdown.timestamp", Unit::Seconds, &[],
        "of the run before this one: when its report was written, in seconds since 1970");
}

/// The table as the page shows it.
#[must_use]
pub fn markdown() -> String {
    let mut page = String::from(
        "| Prometheus | OpenTelemetry | unit | kind | labels | what it says |\n\
         |---|---|---|---|---|---|\n",
    );
    for metric in METRICS {
        let kind = match metric.kind {
            Kind::Gauge => "gauge",
            Kind::Counter => "counter",
        };
        let unit = match metric.unit.ucum() {
            "" => String::new(),
            ucum => format!("`{ucum}`"),
        };
        let labels: Vec<_> = metric.labels.iter().map(|label| format!("`{label}`")).collect();
        let (prometheus, labels) = (metric.prometheus_name(), labels.join(", "));
        let (name, help) = (metric.name, metric.help);
        // Writing to a string does not fail.
        let _ =
            writeln!(page, "| `{prometheus}` | `{name}` | {unit} | {kind} | {labels} | {help} |");
    }
    page
}
