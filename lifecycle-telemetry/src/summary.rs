//! The last word: one line with what a stop did, for who keeps logs.

use lifecycle_core::{Report, ext::text::plain};
use serde_json::{Value, json};
use tracing::{info, warn};

use crate::{pod, snapshot::word};

/// How many problems, and how many hooks and sites that are not as they should be, are listed.
const LISTED: usize = 20;

/// One event. JSON has no line breaks of its own, and what it quotes moves no terminal.
pub(crate) fn say(report: &Report) {
    let Summary { is_clean, json } = Summary::of(report);
    if is_clean {
        info!(name: "lifecycle.summary", target: "lifecycle.summary", "{json}");
    } else {
        warn!(name: "lifecycle.summary", target: "lifecycle.summary", "{json}");
    }
}

/// What the line says.
struct Summary {
    is_clean: bool,
    json: Value,
}

impl Summary {
    fn of(report: &Report) -> Self {
        let drain = report.drain();
        let seconds = |time: std::time::Duration| time.as_secs_f64();
        let unclean = report.hooks().iter().filter(|hook| !hook.outcome().is_completed());
        let hooks: Vec<_> = unclean
            .take(LISTED)
            .map(|hook| {
                json!({
                    "name": plain(hook.name()),
                    "outcome": word(hook.outcome()),
                    "seconds": seconds(hook.took()),
                })
            })
            .collect();
        let left = drain.sites().iter().filter(|site| site.abandoned() > 0);
        let sites: Vec<_> = left
            .take(LISTED)
            .map(|site| json!({ "name": plain(site.name()), "abandoned": site.abandoned() }))
            .collect();
        let problems: Vec<_> = report.problems().iter().take(LISTED).map(|it| plain(it)).collect();
        let json = json!({
            "shutdown_id": report.shutdown_id(),
            "pod": pod::name(),
            "namespace": pod::namespace(),
            "reason": report.reason().kind(),
            "reason_text": plain(&report.reason().to_string()),
            "clean": report.is_clean(),
            "exit_code": report.exit_code(),
            "seconds": seconds(report.total()),
            "deadline_seconds": report.deadline().map(seconds),
            "drain_seconds": seconds(drain.took()),
            "drain_budget_seconds": drain.allotted().map(seconds),
            "abandoned": drain.abandoned(),
            "abandoned_sites": sites,
            "hooks": report.hooks().len(),
            "hooks_not_completed": hooks,
            "problems": problems,
        });
        Self { is_clean: report.is_clean(), json }
    }
}
