//! The plan as a table for a terminal of 80 columns.

use std::{
    borrow::Cow,
    collections::HashSet,
    fmt::{self, Display},
};

use crate::{text::terminal::Tint, values::duration::display};

use super::super::{Plan, PlannedHook, names::last_names};

const WIDTH: usize = 80;
/// How wide the column of names may get; what is longer loses its beginning, which says least.
const NAME: usize = 36;
/// How wide a name may be among others, so that no line breaks within it.
const NAME_IN_TEXT: usize = 50;
/// How many of the hooks that one waits for are named.
const NAMED: usize = 8;

/// In its alternate form, `{:#}`, it is in colour.
///
/// Order, name, timeout and place, a line a hook; under it what it waits for within its order, or that
/// nothing says where it stands. Then the worst case and the hooks that make it.
impl Display for Plan {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.hooks().is_empty() {
            f.write_str("the shutdown plan has no hooks")?;
        } else {
            let names = short_names(self.hooks());
            self.table(&names, f)?;
            self.bottom_line(&names, f)?;
        }
        self.check().or_else(|error| write!(f, "\n\n{error}"))
    }
}

impl Plan {
    fn table(&self, names: &[Cow<'_, str>], f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let widest = |of: &dyn Fn(&PlannedHook) -> usize| {
            self.hooks().iter().map(of).max().unwrap_or_default()
        };
        let order = widest(&|hook| hook.order.to_string().len()).max("order".len());
        let name = widest(&|hook| hook.name.chars().count()).clamp("hook".len(), NAME);
        let timeout = widest(&|hook| times(hook).len()).max("timeout".len());
        let place = WIDTH - (order + name + timeout + 6);
        writeln!(f, "{:>order$}  {:name$}  {:>timeout$}  declared at", "order", "hook", "timeout")?;
        let critical: HashSet<u32> = self.graph().critical_path().into_iter().collect();
        for (at, (hook, waits)) in (0..).zip(self.hooks().iter().zip(self.graph().waits())) {
            write!(f, "{:>order$}  ", hook.order)?;
            let hook_name = format!("{:name$}  {:>timeout$}", tail(&hook.name, name), times(hook));
            match critical.contains(&at) {
                true => Tint::Strong.paint(f, hook_name)?,
                false => f.write_str(&hook_name)?,
            }
            f.write_str("  ")?;
            Tint::Faint.paint(f, tail(&hook.location.to_string(), place))?;
            writeln!(f)?;
            if hook.unordered {
                write!(f, "{:order$}    ", "")?;
                Tint::Doubtful.paint(f, "unordered")?;
                writeln!(f)?;
            } else if !waits.is_empty() {
                let more = waits.len().saturating_sub(NAMED);
                let named = waits[..waits.len() - more]
                    .iter()
                    .map(|&place| names[place as usize].to_string());
                let more = (more > 0).then(|| format!("{more} more"));
                let start = format!("{:order$}    after ", "");
                words(&start, order + 6, ",", named.chain(more), f)?;
                writeln!(f)?;
            }
        }
        Ok(())
    }

    fn bottom_line(&self, names: &[Cow<'_, str>], f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let path = self.graph().critical_path();
        let steps = path.iter().map(|&place| {
            let (name, times) = (&names[place as usize], times(&self.hooks()[place as usize]));
            format!("{name} {times}")
        });
        words(&format!("\nworst case {}: ", display(self.worst_case())), 2, " ->", steps, f)
    }
}

fn short_names(hooks: &[PlannedHook]) -> Vec<Cow<'_, str>> {
    let names: Vec<&str> = hooks.iter().map(PlannedHook::name).collect();
    last_names(&names).into_iter().map(|name| tail(name, NAME_IN_TEXT)).collect()
}

/// `words` behind `start`, with `between` after all but the last, broken and indented so that no line is
/// wider than a terminal.
fn words(
    start: &str,
    indent: usize,
    between: &str,
    words: impl Iterator<Item = String>,
    f: &mut fmt::Formatter<'_>,
) -> fmt::Result {
    f.write_str(start)?;
    let mut column = start.trim_start_matches('\n').chars().count();
    let mut words = words.peekable();
    let mut first = true;
    while let Some(mut word) = words.next() {
        if words.peek().is_some() {
            word.push_str(between);
        }
        let width = word.chars().count();
        let lead = match first {
            true => String::new(),
            false if column + 1 + width > WIDTH => {
                column = 0;
                format!("\n{:indent$}", "")
            }
            false => " ".to_owned(),
        };
        first = false;
        column += lead.trim_start_matches('\n').len() + width;
        write!(f, "{lead}{word}")?;
    }
    Ok(())
}

/// The timeout, and that of the second step.
pub(crate) fn times(hook: &PlannedHook) -> String {
    if hook.fallback_timeout.is_zero() {
        display(hook.timeout).to_string()
    } else {
        format!("{}+{}", display(hook.timeout), display(hook.fallback_timeout))
    }
}

/// The end of `text`, at most `width` characters, from the beginning of a segment if it has several.
fn tail(text: &str, width: usize) -> Cow<'_, str> {
    let count = text.chars().count();
    if count <= width {
        return Cow::Borrowed(text);
    }
    let start = text.char_indices().nth(count + 1 - width).map_or(text.len(), |(at, _)| at);
    let end = &text[start..];
    let segment = end.find("::").or_else(|| end.find('/')).unwrap_or_default();
    Cow::Owned(format!("…{}", &end[segment..]))
}
