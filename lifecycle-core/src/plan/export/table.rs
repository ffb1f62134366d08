//! The plan as a table for a terminal of 80 columns.

use std::fmt::{self, Display};

use super::view::PlanView;
use crate::{
    Plan,
    declare::DrainNeed,
    plan::{PlannedComponent, PlannedHook, names::last_names},
    text::terminal::{Tint, columns, last_columns, plain},
    values::duration::display,
};

const WIDTH: usize = 80;
/// How wide the column of names may get; what is longer loses its beginning, which says least.
const NAME: usize = 36;
/// How narrow the column of places may get.
const PLACE: usize = 16;
/// How wide a name may be among others, so that no line breaks within it.
const NAME_IN_TEXT: usize = 50;
/// How many of the hooks that one waits for are named.
const NAMED: usize = 8;

/// In its alternate form, `{:#}`, it is in colour.
///
/// Order, name, timeout and place, a line a hook; under it what it waits for within its order, or
/// that nothing says where it stands. Then the worst case and the hooks that make it.
impl Display for Plan {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let view = self.view();
        if view.hooks.is_empty() {
            f.write_str("the shutdown plan has no hooks")?;
        } else {
            let names = short_names(&view);
            table(&view, &names, f)?;
            bottom_line(&view, &names, f)?;
        }
        components(&view, f)?;
        drain_needs(&view, f)?;
        let Some(error) = view.error else { return Ok(()) };
        f.write_str("\n")?;
        error.to_string().lines().try_for_each(|line| write!(f, "\n{}", plain(line)))
    }
}

fn table(view: &PlanView<'_>, names: &[String], f: &mut fmt::Formatter<'_>) -> fmt::Result {
    let widest = |of: &dyn Fn(&PlannedHook) -> usize| {
        view.hooks.iter().map(|hook| of(hook)).max().unwrap_or_default()
    };
    let order = widest(&|hook| hook.order.to_string().len()).max("order".len());
    let name = widest(&|hook| columns(&plain(&hook.name))).clamp("hook".len(), NAME);
    let timeout = widest(&|hook| times(hook).len()).max("timeout".len());
    // Times that no clock can tell leave the table wider than a terminal.
    let place = WIDTH.saturating_sub(order + name + timeout + 6).max(PLACE);
    writeln!(f, "{:>order$}  {:name$}  {:>timeout$}  declared at", "order", "hook", "timeout")?;
    for hook in &view.hooks {
        write!(f, "{:>order$}  ", hook.order)?;
        let shown = tail(&hook.name, name);
        let padding = name - columns(&shown);
        let hook_name = format!("{shown}{:padding$}  {:>timeout$}", "", times(hook));
        match hook.is_critical {
            true => Tint::Strong.paint(f, hook_name)?,
            false => f.write_str(&hook_name)?,
        }
        f.write_str("  ")?;
        Tint::Faint.paint(f, tail(&hook.location.to_string(), place))?;
        writeln!(f)?;
        if hook.is_unordered() {
            write!(f, "{:order$}    ", "")?;
            Tint::Doubtful.paint(f, "unordered")?;
            writeln!(f)?;
        } else if !hook.waits_for.is_empty() {
            let more = hook.waits_for.len().saturating_sub(NAMED);
            let named = hook.waits_for[..hook.waits_for.len() - more]
                .iter()
                .map(|&place| names[place].to_string());
            let more = (more > 0).then(|| format!("{more} more"));
            let start = format!("{:order$}    after ", "");
            words(&start, order + 6, ",", named.chain(more), f)?;
            writeln!(f)?;
        }
    }
    Ok(())
}

fn bottom_line(view: &PlanView<'_>, names: &[String], f: &mut fmt::Formatter<'_>) -> fmt::Result {
    let steps = view.critical_path.iter().map(|&at| {
        let (name, times) = (&names[at], times(&view.hooks[at]));
        format!("{name} {times}")
    });
    words(&format!("\nworst case {}: ", display(view.worst_case)), 2, " ->", steps, f)
}

/// What stops after the last hook, and is not in the worst case of the hooks.
fn components(view: &PlanView<'_>, f: &mut fmt::Formatter<'_>) -> fmt::Result {
    let Some(longest) = PlannedComponent::longest(view.components) else { return Ok(()) };
    let named = view.components.iter().map(|component| {
        format!("{} {}", plain(component.name()), display(component.stop_timeout()))
    });
    let start = format!("\ncomponents {}, together, after the last hook: ", display(longest));
    words(&start, 2, ",", named, f)
}

/// What has time of its own of the drain.
fn drain_needs(view: &PlanView<'_>, f: &mut fmt::Formatter<'_>) -> fmt::Result {
    let Some(longest) = view.drain_needs.iter().map(DrainNeed::time).max() else { return Ok(()) };
    let named = view
        .drain_needs
        .iter()
        .map(|need| format!("{} {}", plain(need.name()), display(need.time())));
    let start = format!("\nuntil the end of the drain {}: ", display(longest));
    words(&start, 2, ",", named, f)
}

fn short_names(view: &PlanView<'_>) -> Vec<String> {
    let names: Vec<&str> = view.hooks.iter().map(|hook| hook.hook.name()).collect();
    last_names(&names).into_iter().map(|name| tail(name, NAME_IN_TEXT)).collect()
}

/// `words` behind `start`, with `between` after all but the last, broken and indented so that no
/// line is wider than a terminal.
fn words(
    start: &str,
    indent: usize,
    between: &str,
    words: impl Iterator<Item = String>,
    f: &mut fmt::Formatter<'_>,
) -> fmt::Result {
    f.write_str(start)?;
    let mut column = columns(start.trim_start_matches('\n'));
    let mut words = words.peekable();
    let mut first = true;
    while let Some(mut word) = words.next() {
        if words.peek().is_some() {
            word.push_str(between);
        }
        let width = columns(&word);
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

/// The end of `text`, at most `width` columns, from the beginning of a segment if it has several.
fn tail(text: &str, width: usize) -> String {
    let text = plain(text);
    if columns(&text) <= width {
        return text;
    }
    let end = last_columns(&text, width - 1);
    let segment = end.find("::").or_else(|| end.find('/')).unwrap_or_default();
    format!("…{}", &end[segment..])
}
