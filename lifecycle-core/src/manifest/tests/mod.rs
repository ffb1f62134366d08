//! Manifests as they are found, and broken ones.

mod advice;
mod broken;
mod choice;
mod held;
mod read;
mod size;
mod words;

use std::{path::Path, time::Duration};

use crate::{Plan, SourceLocation, declare::HookId, plan::HookSpec};

use super::{kind, overrides::Overrides, place::ManifestError, workload::Workload};

/// What is said of `text` as the file `name`, or `name#container`.
fn parsed(name: &str, text: &str) -> Result<Workload, ManifestError> {
    let (name, overrides) = overrides(name);
    kind::parse(Path::new(name), text, &overrides)
}

/// The file, and the container after `#`.
fn overrides(name: &str) -> (&str, Overrides) {
    let (name, wanted) =
        name.split_once('#').map_or((name, None), |(name, wanted)| (name, Some(wanted)));
    (name, Overrides { container: wanted.map(str::to_owned), ..Overrides::default() })
}

/// Hook `n` of `src/hooks.rs`.
fn hook(n: usize, name: &'static str, timeout: Option<u64>) -> HookSpec {
    HookSpec {
        id: HookId::Registered(n as u64),
        name: name.into(),
        name_written: true,
        location: SourceLocation::new("src/hooks.rs", n as u32),
        order: None,
        timeout: timeout.map(Duration::from_secs),
        fallback_timeout: Duration::ZERO,
        after: (1..n).map(|before| HookId::Registered(before as u64)).collect(),
        before: Vec::new(),
        needs: Vec::new(),
    }
}

/// A plan that needs 7 s for its hooks: `flush`, then `close`, which takes the default.
fn plan() -> Plan {
    Plan::build(
        vec![hook(1, "orders::flush", Some(2)), hook(2, "orders::close", None)],
        vec![],
        vec![],
    )
}
