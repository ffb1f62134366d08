//! The plan as JSON, version 1: docs/schemas/plan.v1.json says what each member means.

use crate::json::Json;

use super::super::{Plan, PlannedHook};

/// What the member `format` says.
pub(crate) const FORMAT: &str = "lifecycle.plan";
/// Goes up when a member changes its action or goes; new members alone do not change it.
pub(crate) const VERSION: u64 = 1;

impl Plan {
    /// The plan as JSON, pretty-printed, with every hook in the order of [`hooks`](Self::hooks). The same plan
    /// gives the same text, line by line, so that it can be kept as a golden file; `docs/json.md` describes
    /// it, and `docs/schemas/plan.v1.json` is its schema. Of an invalid plan it has what does not contradict,
    /// and the `problems`.
    #[must_use]
    pub fn to_json(&self) -> String {
        let waits = self.graph().waits();
        let name = |&place: &u32| self.hooks()[place as usize].name();
        let hook = |(hook, waits): (&PlannedHook, &Vec<u32>)| {
            let mut members = vec![("name", hook.name().into())];
            members.extend(Json::place(hook.location()));
            members.extend([
                ("order", Json::Integer(hook.order().into())),
                ("timeout_seconds", hook.timeout().into()),
                ("timeout_is_default", (!hook.timeout_written).into()),
                ("reserve_seconds", hook.fallback_timeout().into()),
                ("waits_for", Json::list(waits.iter().map(name))),
                ("unordered", hook.is_unordered().into()),
                ("borrows", Json::list(hook.borrows())),
                ("takes", Json::list(hook.takes())),
            ]);
            Json::Object(members)
        };
        let problems =
            self.check().err().map(|error| error.problems().to_vec()).unwrap_or_default();
        let problems: Vec<String> = problems.iter().map(ToString::to_string).collect();
        Json::Object(vec![
            ("format", FORMAT.into()),
            ("version", Json::Count(VERSION)),
            ("worst_case_seconds", self.worst_case().into()),
            ("critical_path", Json::list(self.critical_path().into_iter().map(PlannedHook::name))),
            ("hooks", Json::List(self.hooks().iter().zip(&waits).map(hook).collect())),
            ("problems", Json::list(problems.iter().map(String::as_str))),
        ])
        .to_string()
    }
}
