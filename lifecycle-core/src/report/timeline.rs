//! The report as a timeline of at most 80 columns.

use std::{fmt, time::Duration};

use super::{DrainReport, Inner, Report};
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
        signs(f, inner)?;
        sites(f, drain)?;
        for problem in drain.main_line().iter().chain(&inner.problems) {
            wrapped(f, "! ", problem)?;
        }
        Ok(())
    }
}

fn row(f: &mut fmt::Formatter<'_>, sign: char, name: &str, bar: &str, took: Duration) -> fmt::Result {
    writeln!(f, "  {sign} {} |{bar:<BAR$}| {:>8}", fit(name), short(took))
}

/// The signs that stand in the picture, explained.
fn signs(f: &mut fmt::Formatter<'_>, inner: &Inner) -> fmt::Result {
    let known = [
        (Outcome::Completed, "completed"),
        (Outcome::Late, "late"),
        (Outcome::Failed(String::new()), "failed"),
        (Outcome::Panicked(String::new()), "panicked"),
        (Outcome::TimedOut, "timed out"),
        (Outcome::Stuck, "stuck"),
        (Outcome::Skipped(String::new()), "skipped"),
        (Outcome::NotStarted, "not started"),
        (Outcome::Unregistered, "unregistered"),
    ];
    let stands =
        |sign| drain_sign(&inner.drain) == sign || inner.hooks.iter().any(|hook| hook.outcome.sign() == sign);
    let mut current = String::new();
    for (outcome, word) in known.iter().filter(|(outcome, _)| stands(outcome.sign())) {
        let next = format!("  {} {word}", outcome.sign());
        if current.len() + next.len() > WIDTH {
            writeln!(f, "{current}")?;
            current.clear();
        }
        current += &next;
    }
    writeln!(f, "{current}")
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
    if seconds >= 999_999.5 {
        format!("{:.0} h", seconds / 3600.0)
    } else if seconds >= 100.0 {
        format!("{seconds:.0} s")
    } else if seconds >= 1.0 {
        format!("{seconds:.2} s")
    } else if seconds >= 0.001 {
        format!("{:.0} ms", seconds * 1e3)
    } else {
        format!("{:.0} us", seconds * 1e6)
    }
}

/// `name` in exactly the columns of a name. Its end says more than its beginning, so that
/// `orders::outbox::flush` is cut from the left.
fn fit(name: &str) -> String {
    let name = plain(name);
    let mut width = columns(&name);
    let cut = width > NAME;
    let mut chars = name.chars();
    while cut && width > NAME - 2 {
        width -= chars.next().map_or(width, column_count);
    }
    let dots = if cut { ".." } else { "" };
    let padding = " ".repeat(NAME - dots.len() - width);
    format!("{dots}{}{padding}", chars.as_str())
}

/// `text` without what would move a terminal's cursor or colour it.
fn plain(text: &str) -> String {
    text.chars()
        .map(|char| {
            if char == '\t' {
                ' '
            } else if char.is_control() {
                '?'
            } else {
                char
            }
        })
        .collect()
}

fn columns(text: &str) -> usize {
    text.chars().map(column_count).sum()
}

/// How many columns a terminal gives the character: the ranges of the common scripts and symbols.
const fn column_count(char: char) -> usize {
    match char as u32 {
        0x300..=0x36f | 0x200b..=0x200f | 0xfe00..=0xfe0f => 0,
        0x1100..=0x115f
        | 0x2e80..=0xa4cf
        | 0xac00..=0xd7a3
        | 0xf900..=0xfaff
        | 0xfe30..=0xfe6f
        | 0xff00..=0xff60
        | 0xffe0..=0xffe6
        | 0x1f300..=0x1f64f
        | 0x1f680..=0x1f6ff
        | 0x1f900..=0x1f9ff
        | 0x20000..=0x3fffd => 2,
        _ => 1,
    }
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
    for part in text.lines().map(plain) {
        let mut current = String::new();
        for word in part.split(' ') {
            let fits = columns(&current) + 1 + columns(word) <= width;
            if !current.is_empty() && !fits {
                writeln!(f, "{mark}{current}")?;
                mark = INDENT;
                current.clear();
            } else if !current.is_empty() {
                current.push(' ');
            }
            for char in word.chars() {
                if columns(&current) + column_count(char) > width {
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
