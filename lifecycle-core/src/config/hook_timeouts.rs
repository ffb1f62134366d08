//! The times that `LIFECYCLE_HOOK_TIMEOUT__<NAME>` gives to single hooks.

use std::time::Duration;

use super::{Diagnostic, source::HOOK_TIMEOUT_OF};
use crate::{Plan, declare::HookId};

/// What `LIFECYCLE_HOOK_TIMEOUT__<name>` says: names as they are written there, and times.
#[derive(Clone, Debug)]
pub(crate) struct HookTimeouts(pub(crate) Vec<(String, Duration)>);

impl HookTimeouts {
    /// Gives each hook that is named its time. A name that means no hook is a warning: the hook may
    /// be registered later. One that means several is an error.
    pub(crate) fn apply(&self, plan: &mut Plan) -> Vec<Diagnostic> {
        let mut diagnostics = Vec::new();
        for (name, timeout) in &self.0 {
            let variable = || format!("{HOOK_TIMEOUT_OF}{name}");
            match find_hook(plan, name).as_slice() {
                [hook] => plan.set_timeout(*hook, *timeout),
                [] => diagnostics.push(Diagnostic::NoHook { variable: variable() }),
                _ => diagnostics.push(Diagnostic::SeveralHooks { variable: variable() }),
            }
        }
        diagnostics
    }
}

/// The hooks that `LIFECYCLE_HOOK_TIMEOUT__<name>` may mean: `db::close_pool` is `DB__CLOSE_POOL`,
/// or `CLOSE_POOL` where that is one hook only.
fn find_hook(plan: &Plan, name: &str) -> Vec<HookId> {
    let exact = |hook: &str| variable(hook) == name;
    let whole: Vec<_> =
        plan.hooks().iter().filter(|hook| exact(hook.name())).map(|hook| hook.id()).collect();
    if !whole.is_empty() {
        return whole;
    }
    let end = format!("__{name}");
    plan.hooks()
        .iter()
        .filter(|hook| variable(hook.name()).ends_with(&end))
        .map(|hook| hook.id())
        .collect()
}

/// A hook's name as part of the name of a variable.
fn variable(hook: &str) -> String {
    hook.chars()
        .map(|char| if char.is_ascii_alphanumeric() { char.to_ascii_uppercase() } else { '_' })
        .collect()
}
