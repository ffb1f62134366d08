//! The plan as a table for a terminal of 80 columns.

use std::fmt::{self, Display};

use crate::duration::display;

use super::{Plan, PlannedHook};

const WIDTH: usize = 80;
/// How wide the columns of name and place may get; what is longer loses its beginning, which says least.
const NAME: usize = 36;
const PLACE: usize = 25;
/// How many of the hooks that one waits for are named.
const NAMED: usize = 8;
/// What follows a hook stands under its name.
const INDENT: usize = 9;

/// Order, name, timeout and place, a line a hook; under it what it waits for within its order, or that
/// nothing says where it stands. Then the worst case and the hooks that make it.
impl Display for Plan {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let hooks = self.hooks();
        if hooks.is_empty() {
            f.write_str("the shutdown plan has no hooks")?;
        } else {
            let widest = |of: &dyn Fn(&PlannedHook) -> usize| hooks.iter().map(of).max().unwrap_or_default();
            let name = widest(&|hook| hook.name.chars().count()).clamp(4, NAME);
            let timeout = widest(&|hook| times(hook).chars().count()).max(7);
            writeln!(f, "  order  {:name$}  {:>timeout$}  place", "hook", "timeout")?;
            for (hook, waits) in hooks.iter().zip(self.graph().waits()) {
                let place = hook.location.to_string();
                let (order, hook_name, times) = (hook.order, tail(&hook.name, name), times(hook));
                writeln!(f, "{order:>7}  {hook_name:name$}  {times:>timeout$}  {}", tail(&place, PLACE))?;
                if hook.unordered {
                    writeln!(f, "{:INDENT$}  unordered", "")?;
                } else if !waits.is_empty() {
                    self.waits(&waits, f)?;
                }
            }
            let path = self.critical_path();
            write!(f, "\nworst case {}", display(self.worst_case()))?;
            let mut line = Line::new(f, ": ".to_owned(), 11 + display(self.worst_case()).to_string().len());
            for (i, hook) in path.iter().enumerate() {
                let arrow = if i + 1 == path.len() { "" } else { " ->" };
                line.word(&format!("{} {}{arrow}", tail(&hook.name, WIDTH - 24), times(hook)))?;
            }
        }
        self.check().or_else(|error| write!(f, "\n\n{error}"))
    }
}

impl Plan {
    fn waits(&self, waits: &[u32], f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let more = waits.len().saturating_sub(NAMED);
        let named = &waits[..waits.len() - more];
        let mut line = Line::new(f, format!("{:INDENT$}  after ", ""), 0);
        for (i, &place) in named.iter().enumerate() {
            let comma = if i + 1 < named.len() { "," } else { "" };
            line.word(&format!("{}{comma}", tail(&self.hooks()[place as usize].name, WIDTH - 24)))?;
        }
        if more > 0 {
            line.word(&format!("and {more} more"))?;
        }
        writeln!(f)
    }
}

/// Words, broken so that no line is longer than a terminal is wide.
struct Line<'l, 'f> {
    f: &'l mut fmt::Formatter<'f>,
    start: Option<String>,
    column: usize,
}

impl<'l, 'f> Line<'l, 'f> {
    fn new(f: &'l mut fmt::Formatter<'f>, start: String, column: usize) -> Self {
        Self { f, start: Some(start), column }
    }

    fn word(&mut self, word: &str) -> fmt::Result {
        let width = word.chars().count();
        let lead = match self.start.take() {
            Some(start) => start,
            None if self.column + 1 + width > WIDTH => {
                self.column = 0;
                format!("\n{:INDENT$}    ", "")
            }
            None => " ".to_owned(),
        };
        self.column += lead.trim_start_matches('\n').chars().count() + width;
        write!(self.f, "{lead}{word}")
    }
}

/// The timeout, and that of the second step.
fn times(hook: &PlannedHook) -> String {
    if hook.reserve.is_zero() {
        display(hook.timeout).to_string()
    } else {
        format!("{}+{}", display(hook.timeout), display(hook.reserve))
    }
}

/// The end of `text`, at most `width` characters.
fn tail(text: &str, width: usize) -> String {
    match text.chars().count() {
        count if count > width => format!("..{}", text.chars().skip(count + 2 - width).collect::<String>()),
        _ => text.to_owned(),
    }
}
