//! Plans: of any hooks, written in each format and measured; and compared with one that was read.

use std::{sync::LazyLock, time::Duration};

use lifecycle::{Config, Plan, plan::PlannedHook};
use lifecycle_core::testing::samples::{SampleHook, plan_of};
use serde_json::Value;

use crate::{choices::Choices, json::changed};

fn plan(choices: &mut Choices<'_>) -> Plan {
    let mut hooks = Vec::new();
    while !choices.is_empty() && hooks.len() < 40 {
        let number = hooks.len() as u32;
        let mut hook = SampleHook::new(number, choices.text());
        let kind = choices.byte();
        if kind & 1 != 0 {
            hook.timeout = Some(choices.duration());
        }
        if kind & 2 != 0 {
            hook.fallback_timeout = choices.duration();
        }
        if kind & 4 != 0 {
            hook.order = Some(*choices.one_of(&[0, 1, -1, 7, i32::MAX, i32::MIN]));
        }
        for _ in 0..kind >> 6 {
            // Also of those that come later, and of itself.
            hook.after.push(choices.below(hooks.len() + 2) as u32);
        }
        hooks.push(hook);
    }
    let last = hooks.len() as u32;
    hooks.iter_mut().for_each(|hook| hook.after.retain(|before| *before < last));
    plan_of(hooks)
}

pub(crate) fn body(bytes: &[u8]) {
    let mut choices = Choices(bytes);
    let config = Config::new()
        .grace_period(choices.duration())
        .shutdown_delay(choices.duration())
        .drain_timeout(choices.duration())
        .hook_timeout(choices.duration())
        .reserve(choices.duration());
    let granted = choices.duration();
    let plan = plan(&mut choices);
    let table = plan.to_string();
    assert!(!table.contains(|char: char| char.is_control() && char != '\n'), "{table:?}");
    let _ = (format!("{plan:#}"), plan.to_mermaid(), plan.to_dot(), plan.to_svg());
    let _ = (plan.worst_case(), plan.critical_path().len(), plan.hints().len());
    for fits in [plan.fits(granted), plan.fits(&config)] {
        let _ = fits.map_or_else(|error| error.to_string(), |fits| fits.to_string());
    }
    let json = plan.to_json();
    match plan.diff(&json) {
        Ok(same) => {
            // Of more than that a number of JSON does not hold each nanosecond.
            const HELD: Duration = Duration::from_secs(1_000_000);
            let is_held = |hook: &PlannedHook| hook.timeout().max(hook.fallback_timeout()) < HELD;
            assert!(same.is_empty() || !plan.hooks().iter().all(is_held), "{same}");
        }
        // Two hooks of one name are a mistake in a plan.
        Err(error) => assert!(plan.check().is_err(), "{error}: {json}"),
    }
}

static SEED: LazyLock<Value> = LazyLock::new(|| {
    let json = seed().to_json();
    serde_json::from_str(&json).unwrap_or_else(|error| panic!("{error}: {json}"))
});

fn seed() -> Plan {
    plan(&mut Choices(
        b"\x06\x07\x01\x02\x06\xc7\x05\x03\x01\x00\x01\x0a\x41\x05\x01\x0c\xc3\x06\x04",
    ))
}

pub(crate) fn diff(bytes: &[u8]) {
    let mut choices = Choices(bytes);
    let text = match choices.byte() {
        255 => String::from_utf8_lossy(choices.0).into_owned(),
        _ => changed(&SEED, &mut choices),
    };
    if let Ok(diff) = seed().diff(&text) {
        let said = format!("{diff}{diff:?}{}", diff.changes().join("\n"));
        assert!(!said.contains(|char: char| char.is_control() && char != '\n'), "{said:?}");
    }
}
