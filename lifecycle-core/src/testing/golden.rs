//! A plan that is kept beside the code, so that a review sees what a change does to the stop.

use std::{fmt::Write, fs, path::Path};

use crate::Plan;

/// The environment variable that accepts what is there.
const ACCEPT: &str = "LIFECYCLE_GOLDEN";

/// Compares `plan` with the golden file at `path`, the JSON of [`Plan::to_json`]; a relative path counts from
/// the current directory, which under `cargo test` is the package's. Lines that moved in the source are no
/// difference. With `LIFECYCLE_GOLDEN=write` in the environment it writes the file instead, and passes.
///
/// ```no_run
/// #[test]
/// fn the_stop_is_as_reviewed() {
///     let plan = lifecycle_core::Plan::collect().unwrap();
///     lifecycle_core::testing::assert_golden(&plan, "tests/plan.json");
/// }
/// ```
///
/// # Panics
///
/// When the plan differs, saying how ("`metrics` now ends before `close_pool` starts", "worst case 7s ->
/// 11s (+4s)"); when the file is not there or is no plan; when it cannot be written.
#[track_caller]
pub fn assert_golden(plan: &Plan, path: impl AsRef<Path>) {
    let accept = std::env::var_os(ACCEPT).is_some_and(|value| value == "write");
    if let Err(wrong) = compare(plan, path.as_ref(), accept) {
        panic!("{wrong}");
    }
}

fn compare(plan: &Plan, path: &Path, accept: bool) -> Result<(), String> {
    let shown = path.display();
    if accept {
        let written = fs::write(path, plan.to_json() + "\n");
        return written
            .map_err(|error| format!("the golden file {shown} cannot be written: {error}"));
    }
    let how =
        format!("to accept it, run the test with {ACCEPT}=write and review the file's changes");
    let golden = fs::read_to_string(path)
        .map_err(|error| format!("the golden file {shown} cannot be read: {error}; {how}"))?;
    let diff = plan.diff(&golden).map_err(|error| format!("{shown}: {error}; {how}"))?;
    if diff.is_empty() {
        return Ok(());
    }
    let mut wrong = format!("{diff}\n\nthe golden file is {shown}; {how}");
    plan.check().err().iter().for_each(|error| write!(wrong, "\n\n{error}").unwrap_or_default());
    Err(wrong)
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::{declare::HookId, plan::HookSpec};

    fn plan(timeout: u64) -> Plan {
        let location = crate::SourceLocation::new("src/db.rs", 9);
        let hook = HookSpec {
            timeout: Some(Duration::from_secs(timeout)),
            ..HookSpec::new(HookId::Registered(1), "close_pool".into(), location)
        };
        Plan::build(vec![hook], Vec::new(), Vec::new())
    }

    #[test]
    fn a_golden_file_is_written_on_request_only_and_then_kept() {
        let path =
            std::env::temp_dir().join(format!("lifecycle-golden-{}.json", std::process::id()));
        let missing = compare(&plan(2), &path, false).unwrap_err();
        assert!(
            missing.contains("cannot be read") && missing.contains("LIFECYCLE_GOLDEN=write"),
            "{missing}"
        );
        compare(&plan(2), &path, true).unwrap();
        compare(&plan(2), &path, false).unwrap();
        let changed = compare(&plan(6), &path, false).unwrap_err();
        assert!(
            changed.contains(
                "worst case 2s -> 6s (+4s)\n  ~ `close_pool` (src/db.rs:9): timeout 2s -> 6s"
            ),
            "{changed}"
        );
        fs::write(&path, "not JSON").unwrap();
        let broken = compare(&plan(2), &path, false).unwrap_err();
        assert!(broken.contains("line 1 column"), "{broken}");
        fs::remove_file(&path).unwrap();
    }
}
