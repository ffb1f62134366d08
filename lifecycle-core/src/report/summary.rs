//! The report in at most as many bytes as Kubernetes takes for a termination message.

use super::{DrainReport, HookReport, Report, timeline::short};
use crate::{
    Reason,
    text::terminal::{plain, plain_lines},
};

/// What the kubelet reads of a termination message.
const LIMIT: usize = 4_096;
/// No line takes the room of all others.
const LONGEST_LINE: usize = 1_024;
/// How many hooks of each kind are named.
const NAMED: usize = 8;

impl Report {
    /// The verdict, the problems, the drain, and where the time went, most telling first, in at most 4,096 bytes.
    pub(crate) fn summary(&self) -> String {
        let mut summary = String::new();
        let mut lines = self.lines().into_iter();
        // Room for the last line, that says how many are missing.
        let room = LIMIT - "(and 18446744073709551615 lines more)\n".len();
        while let Some(line) = lines.next() {
            let line = cut(plain(&line), LONGEST_LINE);
            if summary.len() + line.len() + 1 > room {
                summary += &format!("(and {} lines more)\n", lines.len() + 1);
                break;
            }
            summary += &line;
            summary.push('\n');
        }
        summary
    }

    fn lines(&self) -> Vec<String> {
        if let Reason::Invalid(_) = self.reason() {
            let problems = self.problems().iter().map(|problem| plain_lines(problem));
            let first = format!("did not start: exit code {}", self.exit_code());
            let lines = |problem: String| problem.lines().map(str::to_owned).collect::<Vec<_>>();
            return std::iter::once(first).chain(problems.flat_map(lines)).collect();
        }
        let verdict = if self.is_clean() { "stopped cleanly" } else { "stopped uncleanly" };
        let limit =
            self.deadline().map(|deadline| format!(" of {}", short(deadline))).unwrap_or_default();
        let mut lines = vec![format!(
            "{verdict}: exit code {}, {}{limit}; {}",
            self.exit_code(),
            short(self.total()),
            self.reason()
        )];
        let drain = self.drain();
        for problem in drain.main_line().iter().chain(self.problems()) {
            let marks = std::iter::once("! ").chain(std::iter::repeat("  "));
            lines.extend(marks.zip(problem.lines()).map(|(mark, line)| format!("{mark}{line}")));
        }
        lines.push(drain_line(drain));
        lines.extend(drain.sites().iter().map(|site| format!("  {site}")));
        let step = |hook: &&HookReport| {
            let started = hook.started().unwrap_or_default();
            format!("{} @{} +{}", hook.name(), short(started), short(hook.took()))
        };
        let slowest = |hook: &&HookReport| {
            let (took, timeout) = (short(hook.took()), short(hook.timeout()));
            format!("{} {took} of {timeout}, {}", hook.name(), hook.outcome().word())
        };
        named(&mut lines, "critical chain", &self.critical_chain(), step);
        named(&mut lines, "slowest hooks", &self.blame(), slowest);
        lines
    }
}

fn named(
    lines: &mut Vec<String>,
    what: &str,
    hooks: &[&HookReport],
    say: impl Fn(&&HookReport) -> String,
) {
    if hooks.is_empty() {
        return;
    }
    lines.push(format!("{what}:"));
    lines.extend(hooks.iter().take(NAMED).map(|hook| format!("  {}", say(hook))));
    if hooks.len() > NAMED {
        lines.push(format!("  and {} more", hooks.len() - NAMED));
    }
}

fn drain_line(drain: &DrainReport) -> String {
    let end = if drain.timed_out() { ", its time was up" } else { "" };
    format!("delay {}, drain {}{end}", short(drain.delay()), short(drain.took()))
}

/// At most `bytes` of `line`, whole characters.
fn cut(line: String, bytes: usize) -> String {
    if line.len() <= bytes {
        return line;
    }
    let end = line.floor_char_boundary(bytes - "…".len());
    format!("{}…", &line[..end])
}
