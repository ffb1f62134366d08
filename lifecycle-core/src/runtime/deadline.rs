//! The deadline passed: who holds the process is named, and it ends. When that is so the machine decides,
//! which looks at the clock with every input.

use std::time::Duration;

use super::{driver::Driver, watchdog::SILENCE};
use crate::{foreign, machine::Phase};

/// How many hooks are named at the end.
const NAMED_HOOKS: usize = 32;

impl Driver {
    /// `after`: the deadline, from the request.
    pub(super) fn breach(&mut self, code: u8, after: Duration) {
        let first = format!("the deadline, {after:.1?} after the request, has passed: exit {code}");
        let culprits = self.culprits();
        self.end_process(&first, culprits, code, true);
    }

    /// Who holds the process, a line each.
    pub(super) fn culprits(&mut self) -> Vec<String> {
        let machine = &self.machine;
        let now = self.lifecycle.now();
        let mut lines = Vec::new();
        let mut unnamed = 0;
        // The final report has named its hooks, and a runtime may be silent because it is over.
        let is_reported = machine.finished_at().is_some();
        if let Some(teardown) = machine.teardown().filter(|_| !is_reported) {
            for (hook, progress) in teardown.plan().hooks().iter().zip(teardown.progress()) {
                let what = match progress.phase {
                    Phase::Waiting => "has not started".to_owned(),
                    Phase::Running { .. } => {
                        format!("has been running for {:.1?}", progress.took(now))
                    }
                    Phase::Aborting { .. }
                    | Phase::Fallback { .. }
                    | Phase::AbortingFallback { .. }
                    | Phase::Stuck => {
                        format!("is stuck: it has been running for {:.1?}", progress.took(now))
                    }
                    Phase::Done => continue,
                };
                if lines.len() == NAMED_HOOKS {
                    unnamed += 1;
                    continue;
                }
                lines.push(format!("hook `{}` ({}) {what}", hook.name(), hook.location()));
            }
        }
        if unnamed > 0 {
            lines.push(format!("and {unnamed} more hooks"));
        }
        if machine.has_run() && machine.main_end().is_none() {
            let since = machine.stop().map(|stop| now.since(stop.at)).unwrap_or_default();
            lines.push(format!(
                "main has not returned {since:.1?} after the request: it blocks its thread"
            ));
        }
        if !machine.has_run() {
            lines.push("run was not reached: start-up still goes on".to_owned());
        }
        if !is_reported {
            lines.extend(self.watchdog.held_runtime(now, SILENCE));
        }
        lines.extend(self.lifecycle.gate.snapshot().iter().map(ToString::to_string));
        lines.extend(self.dropping.culprit(now));
        lines.extend(self.lifecycle.components.culprits(now));
        lines.extend(foreign::culprits());
        lines
    }
}
