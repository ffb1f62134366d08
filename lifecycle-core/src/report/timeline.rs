//! The report as a timeline of at most 80 columns.

use std::{fmt, time::Duration};

use super::{DrainReport, HookReport, Report};
use crate::{Outcome, duration};

const WIDTH: usize = 80;
const NAME: usize = 30;
const BAR: usize = 32;

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let inner = &self.inner;
        let verdict = if self.is_clean() { "clean" } else { "unclean" };
        line(f, &format!("shutdown {} ({})", inner.shutdown_id, inner.reason))?;
        let limit =
            inner.deadline.map(|deadline| format!(" of {}", duration::display(deadline))).unwrap_or_default();
        line(f, &format!("{verdict}, exit code {}, {}{limit}", inner.exit_code, short(inner.total)))?;
        writeln!(f)?;
        let scale = Scale { total: inner.total };
        let drain = &inner.drain;
        if !drain.delay.is_zero() {
            row(f, ' ', "(delay)", &scale.bar(Duration::ZERO, drain.delay), drain.delay)?;
        }
        row(f, drain_sign(drain), "(drain)", &scale.bar(drain.delay, drain.took), drain.took)?;
        for hook in &inner.hooks {
            let bar = hook.started.map_or_else(String::new, |started| scale.bar(started, hook.took));
            row(f, hook.outcome.sign(), &hook.name, &bar, hook.took)?;
        }
        writeln!(f, "    {:NAME$} |{:<BAR$}|", "", scale.ruler())?;
        signs(f, &inner.hooks)?;
        sites(f, drain)?;
        for problem in drain.main_line().iter().chain(&inner.problems) {
            wrapped(f, "! ", problem)?;
        }
        Ok(())
    }
}

fn row(f: &mut fmt::Formatter<'_>, sign: char, name: &str, bar: &str, took: Duration) -> fmt::Result {
    writeln!(f, "  {sign} {:NAME$} |{bar:<BAR$}| {:>8}", fit(name, NAME), short(took))
}

/// The signs that stand in the picture, explained.
fn signs(f: &mut fmt::Formatter<'_>, hooks: &[HookReport]) -> fmt::Result {
    let known = [
        (Outcome::Completed, "completed"),
        (Outcome::Late, "late"),
        (Outcome::Failed(String::new()), "failed"),
        (Outcome::Panicked(String::new()), "panicked"),
        (Outcome::TimedOut, "timed out"),
        (Outcome::Stuck, "stuck"),
        (Outcome::Skipped(String::new()), "skipped"),
        (Outcome::NotStarted, "not started"),
    ];
    let present: Vec<_> = known
        .iter()
        .filter(|(outcome, _)| hooks.iter().any(|hook| hook.outcome.sign() == outcome.sign()))
        .map(|(outcome, word)| format!("{} {word}", outcome.sign()))
        .collect();
    if present.is_empty() { Ok(()) } else { writeln!(f, "  {}", present.join("   ")) }
}

fn sites(f: &mut fmt::Formatter<'_>, drain: &DrainReport) -> fmt::Result {
    for site in &drain.sites {
        let mut said = vec![format!("{} in flight", site.at_start())];
        let mut say = |count: usize, what: &str| {
            if count > 0 {
                said.push(format!("{count} {what}"));
            }
        };
        say(site.finished(), "finished");
        say(site.refused(), "refused");
        say(site.cancelled(), "cancelled");
        say(site.abandoned(), "abandoned");
        say(site.finished_late(), "finished late");
        if let Some(age) = site.oldest_abandoned() {
            said.push(format!("the oldest {}", short(age)));
        }
        wrapped(f, "  ", &format!("{}: {}", site.name(), said.join(", ")))?;
    }
    Ok(())
}

const fn drain_sign(drain: &DrainReport) -> char {
    if drain.timed_out { 'T' } else { '+' }
}

struct Scale {
    total: Duration,
}

impl Scale {
    fn column(&self, at: Duration) -> usize {
        if self.total.is_zero() {
            return 0;
        }
        let column = at.as_nanos() * BAR as u128 / self.total.as_nanos();
        usize::try_from(column).unwrap_or(BAR).min(BAR)
    }

    fn bar(&self, start: Duration, took: Duration) -> String {
        let from = self.column(start).min(BAR - 1);
        let to = self.column(start + took).max(from + 1);
        format!("{}{}", " ".repeat(from), "=".repeat(to - from))
    }

    fn ruler(&self) -> String {
        let end = short(self.total).to_string();
        format!("0{end:>width$}", width = BAR - 1)
    }
}

/// A duration in at most eight characters.
fn short(duration: Duration) -> String {
    let seconds = duration.as_secs_f64();
    if seconds >= 100.0 {
        format!("{seconds:.0} s")
    } else if seconds >= 1.0 {
        format!("{seconds:.2} s")
    } else if seconds >= 0.001 {
        format!("{:.0} ms", seconds * 1e3)
    } else {
        format!("{:.0} us", seconds * 1e6)
    }
}

/// The end of a name says more than its beginning: `orders::outbox::flush` is cut from the left.
fn fit(name: &str, width: usize) -> String {
    let length = name.chars().count();
    if length <= width {
        return name.to_owned();
    }
    let tail: String = name.chars().skip(length - (width - 2)).collect();
    format!("..{tail}")
}

fn line(f: &mut fmt::Formatter<'_>, text: &str) -> fmt::Result {
    wrapped(f, "", text)
}

/// `text` in lines of at most 80 columns, broken at spaces where there are any; `mark` stands before the
/// first, and the others are indented.
fn wrapped(f: &mut fmt::Formatter<'_>, mark: &str, text: &str) -> fmt::Result {
    const INDENT: &str = "    ";
    let width = WIDTH - INDENT.len();
    let mut mark = mark;
    for part in text.lines() {
        let mut current = String::new();
        for word in part.split(' ') {
            let fits = current.chars().count() + 1 + word.chars().count() <= width;
            if !current.is_empty() && !fits {
                writeln!(f, "{mark}{current}")?;
                mark = INDENT;
                current.clear();
            } else if !current.is_empty() {
                current.push(' ');
            }
            for char in word.chars() {
                if current.chars().count() == width {
                    writeln!(f, "{mark}{current}")?;
                    mark = INDENT;
                    current.clear();
                }
                current.push(char);
            }
        }
        writeln!(f, "{mark}{current}")?;
        mark = INDENT;
    }
    Ok(())
}
