//! The plan as a picture.

use crate::{
    picture::{Hook, HookGraph},
    values::duration::display,
};

use super::{
    super::{Plan, PlannedHook, names::last_names},
    table::times,
};

impl Plan {
    /// The hooks as an SVG that stands by itself, light or dark as its reader has it: a band for each order,
    /// in it who waits for whom, the critical path outlined. Of an invalid plan it has what does not
    /// contradict. The same plan gives the same text.
    #[must_use]
    pub fn to_svg(&self) -> String {
        let names: Vec<&str> = self.hooks().iter().map(PlannedHook::name).collect();
        let waits = self.graph().waits();
        let hooks = self.hooks().iter().zip(&waits).zip(last_names(&names));
        let drawn = hooks.map(|((hook, waits), name)| {
            let waits_for: Vec<usize> = waits.iter().map(|&at| at as usize).collect();
            Hook {
                name: name.to_owned(),
                detail: detail(hook),
                explained: explained(hook, &waits_for, &names),
                order: hook.order(),
                waits_for,
                is_unordered: hook.is_unordered(),
                outcome: None,
            }
        });
        let graph = HookGraph {
            title: "shutdown plan".to_owned(),
            facts: self.facts(),
            hooks: drawn.collect(),
            critical: self.graph().critical_path().iter().map(|&at| at as usize).collect(),
            critical_is: "critical path: makes the worst case",
        };
        graph.to_svg()
    }

    fn facts(&self) -> Vec<String> {
        let count = match self.hooks().len() {
            0 => "it has no hooks".to_owned(),
            1 => format!("1 hook, worst case {}", display(self.worst_case())),
            count => format!("{count} hooks, worst case {}", display(self.worst_case())),
        };
        std::iter::once(count).chain(self.check().err().map(|error| error.in_short())).collect()
    }
}

fn detail(hook: &PlannedHook) -> String {
    let unordered = if hook.is_unordered() { " unordered" } else { "" };
    format!("{}{unordered}", times(hook))
}

fn explained(hook: &PlannedHook, waits_for: &[usize], names: &[&str]) -> Vec<String> {
    let mut lines = vec![
        hook.name().to_owned(),
        hook.location().to_string(),
        format!("order {}", hook.order()),
    ];
    lines.push(match hook.fallback_timeout().is_zero() {
        true => format!("timeout {}", display(hook.timeout())),
        false => {
            format!(
                "timeout {}, and {} for its second step",
                display(hook.timeout()),
                display(hook.fallback_timeout())
            )
        }
    });
    if hook.is_unordered() {
        lines.push("unordered: it runs beside all others of its order".to_owned());
    } else if !waits_for.is_empty() {
        let names: Vec<&str> = waits_for.iter().map(|&at| names[at]).collect();
        lines.push(format!("waits for {}", names.join(", ")));
    }
    lines
}
