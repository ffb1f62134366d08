//! The plan as JSON, version 1: docs/schemas/plan.v1.json says what each member means.

use std::{collections::HashMap, time::Duration};

use serde::{Deserialize, Serialize, de::DeserializeOwned};

use super::view::PlanView;
use crate::{
    Plan, PlanError, SourceLocation,
    declare::{DrainNeed, HookId, hook::Access},
    plan::{DEFAULT_TIMEOUT, HookSpec, PlannedComponent},
    text::{
        self,
        intern::intern,
        json::{Format, JsonError, seconds},
    },
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
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    drain_needs: Vec<DocumentNeed>,
    pub(crate) problems: Vec<String>,
}

#[derive(Serialize, Deserialize)]
struct DocumentComponent {
    name: String,
    #[serde(rename = "stop_timeout_seconds", with = "seconds")]
    stop_timeout: Duration,
}

#[derive(Serialize, Deserialize)]
struct DocumentNeed {
    name: String,
    file: String,
    line: u32,
    #[serde(rename = "time_seconds", with = "seconds")]
    time: Duration,
}

#[derive(Serialize, Deserialize)]
pub(crate) struct DocumentHook {
    pub(crate) name: String,
    pub(crate) file: String,
    pub(crate) line: u32,
    pub(crate) order: i32,
    #[serde(rename = "timeout_seconds", with = "seconds")]
    pub(crate) timeout: Duration,
    #[serde(default)]
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

    /// The same, and behind it members of somebody else.
    pub(crate) fn to_json_with(&self, others: &impl Serialize) -> String {
        #[derive(Serialize)]
        struct With<'o, T> {
            #[serde(flatten)]
            plan: Document,
            #[serde(flatten)]
            others: &'o T,
        }
        FORMAT.write(&With { plan: Document::from(&self.view()), others })
    }
}

/// The members of somebody else that stand in a plan.
pub(crate) fn read_others<T: DeserializeOwned>(json: &str) -> Result<T, JsonError> {
    FORMAT.read(json)
}

impl Plan {
    /// The plan that [`to_json`](Self::to_json) wrote, in this program or another: to be measured,
    /// drawn and held against a manifest where its program is not at hand. It has the hooks, times
    /// and edges of the JSON, and cannot be run: no hook of it has anything to do. Names and files
    /// are kept in memory for the life of the process, each once.
    ///
    /// # Errors
    ///
    /// When the text is no plan, with line and column; when a newer version of the format wrote it;
    /// when the plan that it tells of is invalid.
    pub fn from_json(json: &str) -> Result<Self, JsonError> {
        Document::read(json)?.into_plan()
    }
}

impl Document {
    fn into_plan(self) -> Result<Plan, JsonError> {
        let invalid = |why: &str| JsonError::new(format!("the plan is invalid: {why}"));
        if let Some(problem) = self.problems.first() {
            return Err(invalid(problem));
        }
        let default = self.hooks.iter().find(|hook| hook.timeout_is_default);
        let default = default.map(|hook| hook.timeout).filter(|time| *time != DEFAULT_TIMEOUT);
        let components = self.components.into_iter().map(|component| {
            PlannedComponent::new(text::name(&component.name), component.stop_timeout)
        });
        let components = components.collect();
        let needs = self.drain_needs.into_iter().map(|need| DrainNeed {
            name: text::name(&need.name).into(),
            location: SourceLocation::new(intern(&need.file), need.line),
            time: need.time,
        });
        let needs: Vec<_> = needs.collect();
        let ids: HashMap<String, HookId> = (0..)
            .zip(&self.hooks)
            .map(|(at, hook)| (hook.name.clone(), HookId::Read(at)))
            .collect();
        let specs = self.hooks.into_iter().zip(0..).map(|(hook, at)| hook.into_spec(at, &ids));
        let specs = specs.collect::<Result<Vec<_>, _>>()?;
        let mut plan = Plan::build(specs, Vec::new(), Vec::new())
            .with_components(components)
            .with_drain_needs(needs);
        if let Some(default) = default {
            plan = plan.with_default_timeout(default);
        }
        plan.check().map_err(|error| invalid(&error.to_string()))?;
        Ok(plan)
    }

    pub(crate) fn read(json: &str) -> Result<Self, JsonError> {
        FORMAT.read(json)
    }
}

impl DocumentHook {
    fn into_spec(self, at: u64, ids: &HashMap<String, HookId>) -> Result<HookSpec, JsonError> {
        let waits_for = |name: &String| {
            ids.get(name).copied().ok_or_else(|| {
                let own = &self.name;
                JsonError::new(format!("the hook `{own}` waits for `{name}`, which is no hook"))
            })
        };
        let after = self.waits_for.iter().map(waits_for).collect::<Result<_, _>>()?;
        let location = SourceLocation::new(intern(&self.file), self.line);
        let types =
            |access, names: Vec<String>| names.into_iter().map(move |name| (access, intern(&name)));
        let borrowed = types(Access::Borrow, self.borrows);
        let read_types = borrowed.chain(types(Access::Take, self.takes)).collect();
        Ok(HookSpec {
            order: Some(self.order),
            timeout: (!self.timeout_is_default).then_some(self.timeout),
            fallback_timeout: self.fallback_timeout,
            after,
            read_types,
            ..HookSpec::new(HookId::Read(at), self.name.into(), location)
        })
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
        let drain_needs = view.drain_needs.iter().map(|need| DocumentNeed {
            name: need.name().to_owned(),
            file: need.location().file().to_owned(),
            line: need.location().line(),
            time: need.time(),
        });
        let problems = view.error.as_ref().map_or(&[][..], PlanError::problems);
        Self {
            worst_case: view.worst_case,
            critical_path: view.critical_path.iter().map(name).collect(),
            hooks: hooks.collect(),
            components: components.collect(),
            drain_needs: drain_needs.collect(),
            problems: problems.iter().map(ToString::to_string).collect(),
        }
    }
}
