//! The plan as JSON, version 1: docs/schemas/plan.v1.json says what each member means.

use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::view::PlanView;
use crate::{
    Plan, PlanError,
    text::json::{Format, JsonError, seconds},
};

const FORMAT: Format = Format {
    name: "lifecycle.plan",
    version: 1,
    made_by: "`Plan::to_json` and LIFECYCLE_PLAN=json write one",
};

/// A plan that may be of another version of the program: hooks are known by their names.
#[derive(Serialize, Deserialize)]
pub(crate) struct Document {
    #[serde(rename = "worst_case_seconds", with = "seconds")]
    pub(crate) worst_case: Duration,
    pub(crate) critical_path: Vec<String>,
    pub(crate) hooks: Vec<DocumentHook>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    components: Vec<DocumentComponent>,
    pub(crate) problems: Vec<String>,
}

#[derive(Serialize, Deserialize)]
struct DocumentComponent {
    name: String,
    #[serde(rename = "stop_timeout_seconds", with = "seconds")]
    stop_timeout: Duration,
}

#[derive(Serialize, Deserialize)]
pub(crate) struct DocumentHook {
    pub(crate) name: String,
    pub(crate) file: String,
    pub(crate) line: u32,
    pub(crate) order: i32,
    #[serde(rename = "timeout_seconds", with = "seconds")]
    pub(crate) timeout: Duration,
    #[serde(skip_deserializing)]
    timeout_is_default: bool,
    #[serde(rename = "reserve_seconds", with = "seconds")]
    pub(crate) fallback_timeout: Duration,
    pub(crate) waits_for: Vec<String>,
    #[serde(skip_deserializing)]
    unordered: bool,
    pub(crate) borrows: Vec<String>,
    pub(crate) takes: Vec<String>,
}

impl Plan {
    /// The plan as JSON, pretty-printed, with every hook in the order of [`hooks`](Self::hooks).
    /// The same plan gives the same text, line by line, so that it can be kept as a golden file;
    /// `docs/json.md` describes it, and `docs/schemas/plan.v1.json` is its schema. Of an invalid
    /// plan it has what does not contradict, and the `problems`.
    #[must_use]
    pub fn to_json(&self) -> String {
        FORMAT.write(&Document::from(&self.view()))
    }
}

impl Document {
    pub(crate) fn read(json: &str) -> Result<Self, JsonError> {
        FORMAT.read(json)
    }
}

impl From<&PlanView<'_>> for Document {
    fn from(view: &PlanView<'_>) -> Self {
        let name = |&at: &usize| view.hooks[at].name().to_owned();
        let owned = |name: &str| name.to_owned();
        let hooks = view.hooks.iter().map(|hook| DocumentHook {
            name: hook.name().to_owned(),
            file: hook.location().file().to_owned(),
            line: hook.location().line(),
            order: hook.order(),
            timeout: hook.timeout(),
            timeout_is_default: !hook.timeout_written,
            fallback_timeout: hook.fallback_timeout(),
            waits_for: hook.waits_for.iter().map(name).collect(),
            unordered: hook.is_unordered(),
            borrows: hook.borrows().map(owned).collect(),
            takes: hook.takes().map(owned).collect(),
        });
        let components = view.components.iter().map(|component| DocumentComponent {
            name: component.name().to_owned(),
            stop_timeout: component.stop_timeout(),
        });
        let problems = view.error.as_ref().map_or(&[][..], PlanError::problems);
        Self {
            worst_case: view.worst_case,
            critical_path: view.critical_path.iter().map(name).collect(),
            hooks: hooks.collect(),
            components: components.collect(),
            problems: problems.iter().map(ToString::to_string).collect(),
        }
    }
}
