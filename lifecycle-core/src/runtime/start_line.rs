//! What is said once at the start: every number with its source, and what looks wrong.

use tracing::{info, warn};

use super::log::Log;
use crate::{
    Plan,
    budget::Constraints,
    config::{Diagnostic, Settings},
    declare::site::SiteEntry,
    os::{self, Disposition, Listening},
    text::terminal::plain_lines,
    values::duration,
};

pub(crate) struct StartLine {
    numbers: String,
    pub(super) hooks: usize,
    tracked_sites: usize,
    worst_case: String,
    warnings: Vec<String>,
}

impl StartLine {
    pub(super) fn new(
        settings: &Settings,
        diagnostics: &[Diagnostic],
        plan: &Plan,
        listening: &[Listening],
    ) -> Self {
        let Settings { platform, grace, delay, drain_timeout, hook_timeout, exit_timeout, .. } =
            settings;
        let instance = settings.instance.as_ref().map(|name| format!(", {name}"));
        let instance = instance.unwrap_or_default();
        let numbers = format!(
            "on {platform}{instance}; grace period {grace}; shutdown delay {delay}; drain timeout {drain_timeout}; hook \
             timeout {hook_timeout}; exit timeout {exit_timeout}{}{}",
            extension(settings),
            signals(listening)
        );
        let looks_wrong = diagnostics.iter().filter(|found| !found.is_error());
        let mut warnings: Vec<_> = looks_wrong.map(ToString::to_string).collect();
        let unfit = plan.fits(Constraints::from(settings)).err();
        warnings.extend(unfit.map(|error| error.to_string()));
        warnings.extend(plan.hints().iter().map(ToString::to_string));
        let is_unit = std::env::var_os("INVOCATION_ID").is_some();
        warnings.extend(os::shell_between(is_unit).map(|shell| shell.warning()));
        Self {
            numbers,
            hooks: plan.hooks().len(),
            tracked_sites: inventory::iter::<SiteEntry>.into_iter().count(),
            worst_case: duration::display(plan.worst_case()).to_string(),
            warnings,
        }
    }

    pub(super) fn log(self, log: &Log) {
        let Self { numbers, hooks, tracked_sites, worst_case, warnings } = self;
        log.run(move |_| {
            let (pid, version) = (std::process::id(), env!("CARGO_PKG_VERSION"));
            info!(target: "lifecycle", pid, version, hooks, tracked_sites, worst_case, "{numbers}");
            for warning in warnings.iter().map(|warning| plain_lines(warning)) {
                warn!(target: "lifecycle", "{warning}");
            }
        });
    }
}

fn extension(settings: &Settings) -> String {
    let extended = |up_to| format!("; extended up to {} (code)", duration::display(up_to));
    settings.extension().map(extended).unwrap_or_default()
}

/// Which are heard, and which are not.
fn signals(listening: &[Listening]) -> String {
    let those = |disposition| {
        let of = listening.iter().filter(|listening| listening.disposition == disposition);
        of.map(|listening| listening.signal.to_string()).collect::<Vec<_>>().join(", ")
    };
    let mut line = String::new();
    for (disposition, what) in [
        (Disposition::Heard, "hears"),
        (Disposition::Ignored, "ignored since before the start:"),
        (Disposition::Replaced, "taken by another handler:"),
    ] {
        let those = those(disposition);
        if !those.is_empty() {
            line += &format!("; {what} {those}");
        }
    }
    line
}
