//! Plans of hooks that nobody declared, for the tests of crates that read or draw plans.

use std::time::Duration;

use crate::{
    Config, Plan, SourceLocation,
    budget::Constraints,
    config::{Environment, HookTimeouts, Settings},
    declare::HookId,
    plan::HookSpec,
};

/// A hook of such a plan.
#[derive(Clone, Debug)]
pub struct SampleHook {
    /// Where it is said to stand: line `number` of `src/hooks.rs`. Other hooks name it by this.
    pub number: u32,
    /// Its name, as if a person had chosen it.
    pub name: String,
    /// Its order, where it is written.
    pub order: Option<i32>,
    /// Its timeout, where it declares one.
    pub timeout: Option<Duration>,
    /// How long its second step takes.
    pub fallback_timeout: Duration,
    /// The numbers of the hooks that it waits for.
    pub after: Vec<u32>,
}

impl SampleHook {
    /// Without timeout, order and edges.
    #[must_use]
    pub fn new(number: u32, name: impl Into<String>) -> Self {
        Self {
            number,
            name: name.into(),
            order: None,
            timeout: None,
            fallback_timeout: Duration::ZERO,
            after: Vec::new(),
        }
    }
}

/// The plan of these hooks, unchecked.
#[must_use]
pub fn plan_of(hooks: impl IntoIterator<Item = SampleHook>) -> Plan {
    Plan::build(hooks.into_iter().map(HookSpec::from).collect(), Vec::new(), Vec::new())
}

/// What is said of `plan` in a process that has these variables: what is wrong with them, and
/// whether it fits.
#[must_use]
pub fn said_of_environment(variables: Vec<(String, String)>, plan: Plan) -> String {
    let environment = Environment { variables, ..Environment::default() };
    let (settings, mut diagnostics) = Settings::resolve(&Config::new(), &environment);
    let mut plan = settings.with_hook_timeout(plan);
    diagnostics.extend(HookTimeouts(settings.hook_timeouts.clone()).apply(&mut plan));
    let fits = plan.fits(Constraints::from(&settings));
    let fits = fits.map_or_else(|error| error.to_string(), |fits| fits.to_string());
    let said = diagnostics.iter().map(ToString::to_string);
    said.chain([fits]).collect::<Vec<_>>().join("\n")
}

impl From<SampleHook> for HookSpec {
    fn from(hook: SampleHook) -> Self {
        let SampleHook { number, name, order, timeout, fallback_timeout, after } = hook;
        let id = |number: u32| HookId::Registered(number.into());
        let location = SourceLocation::new("src/hooks.rs", number);
        Self {
            order,
            timeout,
            fallback_timeout,
            after: after.into_iter().map(id).collect(),
            ..Self::new(id(number), name.into(), location)
        }
    }
}
