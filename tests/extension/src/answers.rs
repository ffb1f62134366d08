//! What a program answers that this crate is linked into.

use lifecycle_core::{Plan, ext};

ext::register!(ext::PlanWriter::new("names", names));

/// The names of the hooks, a line each, and of the components.
#[must_use]
pub fn names(plan: &Plan) -> String {
    let view = ext::PlanView::of(plan);
    let hooks = view.hooks.iter().map(|hook| hook.name());
    let components = view.components.iter().map(ext::PlannedComponent::name);
    hooks.chain(components).collect::<Vec<_>>().join("\n")
}
