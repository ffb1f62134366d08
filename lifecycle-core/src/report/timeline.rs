//! The report as a timeline of at most 80 columns.

use std::{fmt, time::Duration};

use super::{DrainReport, Inner, Report};
use crate::{
    Outcome, Reason, SiteReport,
    text::terminal::{Tint, broken, columns, last_columns, plain},
    values::duration,
};

const WIDTH: usize = 80;
const NAME: usize = 30;
const BAR: usize = 32;
/// Stands before what decided how long the stop took.
const CRITICAL: char = '>';

/// The verdict, then a row a hook, then what is wrong; no rows where nothing began. The alternate
/// form, `{:#}`, is in colour.
impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let inner = &self.inner;
        if let Some(problems) = self.prevented_by() {
            Tint::Bad.paint(f, "did not start")?;
            writeln!(f, ", exit code {}", inner.exit_code)?;
            return problems.iter().try_for_each(|problem| wrapped(f, "! ", problem));
        }
        line(f, &format!("shutdown {} ({})", inner.shutdown_id, inner.reason))?;
        let (verdict, tint) =
            if self.is_clean() { ("clean", Tint::Good) } else { ("unclean", Tint::Bad) };
        let limit = inner
            .deadline
            .map(|deadline| format!(" of {}", duration::display(deadline)))
            .unwrap_or_default();
        tint.paint(f, verdict)?;
        writeln!(f, ", exit code {}, {}{limit}\n", inner.exit_code, short(inner.total))?;
        let scale = Scale { total: inner.total };
        let drain = &inner.drain;
        if inner.signals.len() > 1 {
            let marks = scale.marks(inner.signals.iter().map(|signal| signal.at));
            row(f, "   ", Tint::Strong, "(signals)", &marks, "")?;
        }
        if !drain.delay.is_zero() {
            let bar = scale.bar(Duration::ZERO, drain.delay);
            row(f, "   ", Tint::Good, "(delay)", &bar, &short(drain.delay))?;
        }
        let sign = drain_sign(drain);
        let tint = if drain.timed_out { Tint::Bad } else { Tint::Good };
        row(
            f,
            &format!("  {sign}"),
            tint,
            "(drain)",
            &scale.bar(drain.delay, drain.took),
            &short(drain.took),
        )?;
        let chain = self.critical_chain();
        for hook in &inner.hooks {
            let decides =
                chain.len() > 1 && chain.iter().any(|of_chain| std::ptr::eq(*of_chain, hook));
            let mark = if decides { CRITICAL } else { ' ' };
            let bar =
                hook.started.map_or_else(String::new, |started| scale.bar(started, hook.took));
            let sign = hook.outcome.sign();
            row(
                f,
                &format!("{mark} {sign}"),
                tint_of(&hook.outcome),
                &hook.name,
                &bar,
                &short(hook.took),
            )?;
        }
        writeln!(f, "    {:NAME$} |{:<BAR$}|", "", scale.ruler())?;
        legend(f, inner, chain.len() > 1)?;
        heard(f, inner)?;
        for site in &drain.sites {
            wrapped(f, "  ", &site.to_string())?;
        }
        for problem in drain.main_line().iter().chain(self.problems()) {
            wrapped(f, "! ", problem)?;
        }
        for note in &inner.notes {
            wrapped(f, "  ", &note.to_string())?;
        }
        Ok(())
    }
}

impl Report {
    /// Why there was nothing to stop: the problems, each once. `None` of a stop that began.
    pub(super) fn prevented_by(&self) -> Option<Vec<&str>> {
        let Reason::Invalid(why) = self.reason() else { return None };
        let others = self.problems().iter().filter(|problem| *problem != why);
        Some(std::iter::once(why).chain(others).map(String::as_str).collect())
    }
}

fn row(
    f: &mut fmt::Formatter<'_>,
    signs: &str,
    tint: Tint,
    name: &str,
    bar: &str,
    took: &str,
) -> fmt::Result {
    tint.paint(f, signs)?;
    write!(f, " {} |", fit(name))?;
    tint.paint(f, format_args!("{bar:<BAR$}"))?;
    match took {
        "" => writeln!(f, "|"),
        took => writeln!(f, "| {took:>8}"),
    }
}

const fn tint_of(outcome: &Outcome) -> Tint {
    match outcome {
        Outcome::Completed => Tint::Good,
        Outcome::Late | Outcome::Skipped(_) => Tint::Doubtful,
        Outcome::NotStarted | Outcome::Unregistered | Outcome::NotProvided(_) => Tint::Faint,
        Outcome::Failed(_) | Outcome::Panicked(_) | Outcome::TimedOut | Outcome::Stuck => Tint::Bad,
    }
}

/// The signs that stand in the picture, explained.
fn legend(f: &mut fmt::Formatter<'_>, inner: &Inner, has_chain: bool) -> fmt::Result {
    let known = Outcome::every("");
    let stands = |sign| {
        drain_sign(&inner.drain) == sign
            || inner.hooks.iter().any(|hook| hook.outcome.sign() == sign)
    };
    let signs = known.iter().filter(|outcome| stands(outcome.sign()));
    let signs = signs.map(|outcome| format!("  {} {}", outcome.sign(), outcome.word()));
    let chain = has_chain.then(|| format!("  {CRITICAL} decided how long it took"));
    let mut current = String::new();
    for next in signs.chain(chain) {
        if current.len() + next.len() > WIDTH {
            writeln!(f, "{current}")?;
            current.clear();
        }
        current += &next;
    }
    writeln!(f, "{current}")
}

/// Where there was more than the one that asked for the stop.
fn heard(f: &mut fmt::Formatter<'_>, inner: &Inner) -> fmt::Result {
    if inner.signals.len() < 2 {
        return Ok(());
    }
    for signal in &inner.signals {
        wrapped(f, "  ", &format!("{} at {} {}", signal.signal, short(signal.at), signal.did))?;
    }
    Ok(())
}

/// What became of the calls of the site, in a line.
impl fmt::Display for SiteReport {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {} in flight", self.name(), self.at_start())?;
        for (count, what) in [
            (self.finished(), "finished"),
            (self.panicked(), "panicked"),
            (self.dropped(), "dropped by their callers"),
            (self.refused(), "refused"),
            (self.cancelled(), "cancelled"),
            (self.abandoned(), "abandoned"),
            (self.finished_late(), "finished late"),
            (self.lost(), "lost"),
        ] {
            if count > 0 {
                write!(f, ", {count} {what}")?;
            }
        }
        match self.oldest_abandoned() {
            Some(age) => {
                write!(f, ", the oldest {}{}", short(age), self.oldest_abandoned_whereabouts())
            }
            None => Ok(()),
        }
    }
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
        let column = at.as_nanos().saturating_mul(BAR as u128) / self.total.as_nanos();
        usize::try_from(column).unwrap_or(BAR).min(BAR)
    }

    fn bar(&self, start: Duration, took: Duration) -> String {
        let from = self.column(start).min(BAR - 1);
        let to = self.column(start.saturating_add(took)).max(from + 1);
        format!("{}{}", " ".repeat(from), "=".repeat(to - from))
    }

    fn marks(&self, at: impl Iterator<Item = Duration>) -> String {
        let mut marks = [' '; BAR];
        at.for_each(|at| marks[self.column(at).min(BAR - 1)] = '^');
        marks.iter().collect()
    }

    fn ruler(&self) -> String {
        let end = short(self.total).to_string();
        format!("0{end:>width$}", width = BAR - 1)
    }
}

/// A duration in at most eight characters.
pub(crate) fn short(duration: Duration) -> String {
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
    let cut = columns(&name) > NAME;
    let (dots, end) = if cut { ("..", last_columns(&name, NAME - 2)) } else { ("", &*name) };
    let padding = " ".repeat(NAME - dots.len() - columns(end));
    format!("{dots}{end}{padding}")
}

fn line(f: &mut fmt::Formatter<'_>, text: &str) -> fmt::Result {
    wrapped(f, "", text)
}

/// `text` in lines of at most 80 columns; `mark` stands before the first, and the others are
/// indented.
fn wrapped(f: &mut fmt::Formatter<'_>, mark: &str, text: &str) -> fmt::Result {
    const INDENT: &str = "    ";
    let marks = std::iter::once(mark).chain(std::iter::repeat(INDENT));
    marks
        .zip(broken(text, WIDTH - INDENT.len()))
        .try_for_each(|(mark, line)| writeln!(f, "{mark}{line}"))
}
