//! What the program sets in code, in the JSON of the plan that it answers: for who measures the plan
//! where the program is not at hand.

use serde::{Deserialize, Deserializer, Serialize};

use crate::{
    Config, Plan, Platform, Signal, plan,
    text::json::{JsonError, Seconds},
};

/// Members that a plan has none of: `config`, left out where nothing is set.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct InCode {
    #[serde(default, skip_serializing_if = "Numbers::are_default")]
    config: Numbers,
}

/// What counts where a plan is measured. What is not set is left out.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
struct Numbers {
    #[serde(skip_serializing_if = "Option::is_none")]
    platform: Option<Platform>,
    /// `null`: nobody kills.
    #[serde(
        rename = "grace_period_seconds",
        deserialize_with = "set",
        skip_serializing_if = "Option::is_none"
    )]
    grace_period: Option<Option<Seconds>>,
    #[serde(rename = "extend_up_to_seconds", skip_serializing_if = "Option::is_none")]
    extend_up_to: Option<Seconds>,
    #[serde(rename = "shutdown_delay_seconds", skip_serializing_if = "Option::is_none")]
    shutdown_delay: Option<Seconds>,
    #[serde(rename = "drain_timeout_seconds", skip_serializing_if = "Option::is_none")]
    drain_timeout: Option<Seconds>,
    #[serde(rename = "hook_timeout_seconds", skip_serializing_if = "Option::is_none")]
    hook_timeout: Option<Seconds>,
    #[serde(rename = "reserve_seconds", skip_serializing_if = "Option::is_none")]
    reserve: Option<Seconds>,
    /// As they are shown: `SIGTERM`.
    #[serde(skip_serializing_if = "Option::is_none")]
    signals: Option<Vec<String>>,
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    job: bool,
}

impl Config {
    /// What the program set in code that answered `LIFECYCLE_PLAN=json`: all that counts where its
    /// plan is held against a grace period or a manifest. The plan itself is [`Plan::from_json`],
    /// components included. A plan that [`Plan::to_json`] wrote knows nothing of a configuration, and
    /// gives one that sets nothing.
    ///
    /// # Errors
    ///
    /// When the text is no plan, with line and column; when a newer version of the format wrote it.
    pub fn from_json(json: &str) -> Result<Self, JsonError> {
        plan::read_others::<InCode>(json)?.config.into_config()
    }
}

impl InCode {
    pub(crate) fn of(config: &Config) -> Self {
        let seconds = |time: Option<_>| time.map(Seconds);
        let named = |signals: &Vec<Signal>| signals.iter().map(Signal::to_string).collect();
        Self {
            config: Numbers {
                platform: config.platform,
                grace_period: config.grace_period.map(seconds),
                extend_up_to: seconds(config.extend_up_to),
                shutdown_delay: seconds(config.shutdown_delay),
                drain_timeout: seconds(config.drain_timeout),
                hook_timeout: seconds(config.hook_timeout),
                reserve: seconds(config.reserve),
                signals: config.signals.as_ref().map(named),
                job: config.job,
            },
        }
    }

    /// The JSON of `plan` with it.
    pub(crate) fn to_json(&self, plan: &Plan) -> String {
        plan.to_json_with(self)
    }
}

impl Numbers {
    fn are_default(&self) -> bool {
        *self == Self::default()
    }

    fn into_config(self) -> Result<Config, JsonError> {
        let time = |seconds: Option<Seconds>| seconds.map(|seconds| seconds.0);
        let signal = |name: &String| {
            Signal::from_name(name)
                .ok_or_else(|| JsonError::new(format!("`{name}` is no signal of this system")))
        };
        let signals = self.signals.as_ref();
        Ok(Config {
            platform: self.platform,
            grace_period: self.grace_period.map(time),
            extend_up_to: time(self.extend_up_to),
            shutdown_delay: time(self.shutdown_delay),
            drain_timeout: time(self.drain_timeout),
            hook_timeout: time(self.hook_timeout),
            reserve: time(self.reserve),
            signals: signals.map(|names| names.iter().map(signal).collect()).transpose()?,
            job: self.job,
            ..Config::default()
        })
    }
}

/// A member that is there, be it `null`.
fn set<'de, D: Deserializer<'de>, T: Deserialize<'de>>(from: D) -> Result<Option<T>, D::Error> {
    T::deserialize(from).map(Some)
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    fn written(config: &Config) -> String {
        InCode::of(config).to_json(&Plan::declared())
    }

    #[test]
    fn what_is_set_in_code_is_read_back() {
        let ms = Duration::from_millis;
        let extended = Config { extend_up_to: Some(ms(60_000)), ..Config::new() };
        for config in [
            Config::new(),
            Config::new().grace_period(None),
            extended
                .platform(Platform::CloudRun)
                .grace_period(ms(20_500))
                .shutdown_delay(Duration::ZERO)
                .drain_timeout(ms(1_250))
                .hook_timeout(ms(5_000))
                .reserve(ms(1))
                .signals([Signal::Quit])
                .job(true),
            Config::new().signals([]),
        ] {
            let read = Config::from_json(&written(&config)).unwrap();
            assert_eq!(InCode::of(&read), InCode::of(&config));
            assert_eq!(read.grace_period, config.grace_period);
        }
    }

    #[test]
    fn what_is_not_set_changes_nothing_of_the_plan() {
        assert_eq!(written(&Config::new()), Plan::declared().to_json());
        let plan = Plan::declared().to_json();
        assert_eq!(InCode::of(&Config::from_json(&plan).unwrap()), InCode::default());
    }

    #[test]
    fn what_cannot_be_read_is_an_error() {
        let json = written(&Config::new().signals([Signal::Quit]));
        let broken = json.replace("SIGQUIT", "SIGNOT");
        let error = Config::from_json(&broken).unwrap_err().to_string();
        assert_eq!(error, "`SIGNOT` is no signal of this system");
        assert!(Config::from_json("{}").unwrap_err().to_string().contains("lacks `format`"));
    }
}
