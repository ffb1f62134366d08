//! The plan as a picture.

use lifecycle_core::{
    Plan, PlanError, PlannedHook,
    ext::{PlanView, text::last_names},
};
use lifecycle_duration::display;

use crate::graph::{Hook, HookGraph};

/// What `Plan::to_svg` returns.
pub(crate) fn to_svg(plan: &Plan) -> String {
    let view = PlanView::of(plan);
    let names: Vec<&str> = view.hooks.iter().map(|hook| hook.hook.name()).collect();
    let drawn = view.hooks.iter().zip(last_names(&names)).map(|(hook, name)| Hook {
        name: name.to_owned(),
        detail: detail(hook),
        explained: explained(hook, &hook.waits_for, &names),
        order: hook.order(),
        waits_for: hook.waits_for.clone(),
        is_unordered: hook.is_unordered(),
        outcome: None,
    });
    let graph = HookGraph {
        title: "shutdown plan".to_owned(),
        facts: facts(&view),
        hooks: drawn.collect(),
        critical: view.critical_path.clone(),
        critical_is: "critical path: makes the worst case",
    };
    graph.to_svg()
}

fn facts(view: &PlanView) -> Vec<String> {
    let worst_case = display(view.worst_case);
    let count = match view.hooks.len() {
        0 => "it has no hooks".to_owned(),
        1 => format!("1 hook, worst case {worst_case}"),
        count => format!("{count} hooks, worst case {worst_case}"),
    };
    std::iter::once(count).chain(view.error.as_ref().map(PlanError::in_short)).collect()
}

fn detail(hook: &PlannedHook) -> String {
    let mut detail = display(hook.timeout()).to_string();
    if !hook.fallback_timeout().is_zero() {
        detail += &format!("+{}", display(hook.fallback_timeout()));
    }
    if hook.is_unordered() {
        detail += " unordered";
    }
    detail
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
