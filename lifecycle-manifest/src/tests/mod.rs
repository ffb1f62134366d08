//! Manifests as they are found, and broken ones.

mod advice;
mod broken;
mod cases;
mod choice;
mod corpus;
mod deploy_page;
mod held;
mod input;
mod messages;
mod read;
mod shell;
mod size;
mod words;

use std::{path::Path, time::Duration};

use lifecycle_core::{
    Config, FitError, Fits, Plan,
    ext::{Deployment, ManifestError, Overrides},
    testing::samples::{SampleHook, plan_of},
};

use super::kind;

/// What is said of `text` as the file `name`, or `name#container`.
fn parsed(name: &str, text: &str) -> Result<Deployment, ManifestError> {
    let (name, overrides) = overrides(name);
    kind::parse(Path::new(name), text, &overrides)
}

/// The file, and the container after `#`.
fn overrides(name: &str) -> (&str, Overrides) {
    let (name, wanted) =
        name.split_once('#').map_or((name, None), |(name, wanted)| (name, Some(wanted)));
    let mut overrides = Overrides::default();
    overrides.container = wanted.map(str::to_owned);
    (name, overrides)
}

/// Hook `n` of `src/hooks.rs`, which waits for all before it.
fn hook(n: u32, name: &'static str, timeout: Option<u64>) -> SampleHook {
    SampleHook {
        timeout: timeout.map(Duration::from_secs),
        after: (1..n).collect(),
        ..SampleHook::new(n, name)
    }
}

/// Holds `plan` against what was read, where the process has no variables but those.
fn hold(deployment: Deployment, config: &Config, plan: &Plan) -> Result<Fits, FitError> {
    deployment.fits(plan, config, [])
}

/// A plan that needs 7 s for its hooks: `flush`, then `close`, which takes the default.
fn plan() -> Plan {
    plan_of([hook(1, "orders::flush", Some(2)), hook(2, "orders::close", None)])
}

/// Holds `said` against the file that is kept; `LIFECYCLE_GOLDEN=write` keeps it instead.
#[track_caller]
fn golden(path: &str, said: &str) {
    if std::env::var("LIFECYCLE_GOLDEN").is_ok_and(|how| how == "write") {
        std::fs::write(path, said).unwrap();
        return;
    }
    let kept = std::fs::read_to_string(path).unwrap_or_default();
    let differs = kept.lines().zip(said.lines()).position(|(kept, said)| kept != said);
    let at = differs.unwrap_or_else(|| kept.lines().count().min(said.lines().count()));
    let line = |text: &str| text.lines().nth(at).unwrap_or_default().to_owned();
    assert_eq!(line(said), line(&kept), "{path}:{}: `LIFECYCLE_GOLDEN=write` writes it", at + 1);
    assert_eq!(said, kept, "{path}");
}
