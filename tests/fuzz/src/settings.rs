//! The environment: values and names of variables of any kind.

use lifecycle_core::testing::samples::{SampleHook, plan_of, said_of_environment};

use crate::choices::Choices;

const NAMES: [&str; 14] = [
    "LIFECYCLE_GRACE_PERIOD",
    "LIFECYCLE_SHUTDOWN_DELAY",
    "LIFECYCLE_DRAIN_TIMEOUT",
    "LIFECYCLE_MAIN_TIMEOUT",
    "LIFECYCLE_HOOK_TIMEOUT",
    "LIFECYCLE_EXIT_TIMEOUT",
    "LIFECYCLE_HOOK_TIMEOUT__CLOSE",
    "LIFECYCLE_HOOK_TIMEOUT__",
    "LIFECYCLE_PLAN",
    "LIFECYCLE_REPORT",
    "LIFECYCLE_MANIFEST",
    "LIFECYCLE_GRACE_PERIODE",
    "KUBERNETES_SERVICE_HOST",
    "LIFECYCLE_\u{0}",
];

const VALUES: [&str; 14] = [
    "none", "0s", "5s", "1ns", "5124095h", "20000h", "250ms", "check", "json", "svg", "a.html",
    "a.txt", ".json", "5 s",
];

pub(crate) fn body(bytes: &[u8]) {
    let mut choices = Choices(bytes);
    let hooks = (0..choices.below(4)).map(|at| {
        let mut hook = SampleHook::new(at as u32, ["db::close", "close", "flush", "a"][at]);
        hook.timeout = (at % 2 == 0).then(|| choices.duration());
        hook
    });
    let plan = plan_of(hooks.collect::<Vec<_>>());
    let mut variables = Vec::new();
    while !choices.is_empty() && variables.len() < 12 {
        let name = match choices.byte() {
            0..16 => format!("LIFECYCLE_{}", choices.text()),
            _ => (*choices.one_of(&NAMES)).to_owned(),
        };
        let value = match choices.byte() {
            0..64 => choices.text(),
            _ => (*choices.one_of(&VALUES)).to_owned(),
        };
        variables.push((name, value));
    }
    let said = said_of_environment(variables, plan);
    assert!(!said.is_empty());
}
