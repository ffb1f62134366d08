//! What a deployment grants, and what the library takes there.

use std::{fmt, time::Duration};

use crate::values::duration::display;

use super::{least_grace, margin};

/// Nothing tells a process how long its platform waits: the library takes what it was told, or the
/// platform's default. Here both are known.
#[derive(Clone, Debug)]
pub(crate) struct PlatformLimit {
    /// Which container, service or task it is of, where the manifest has several.
    pub(crate) chosen: Option<String>,
    /// From the signal to the kill; `None`: nobody kills.
    pub(crate) granted: Option<Duration>,
    /// What of the setting's time is over before the signal comes.
    pub(crate) spent: Duration,
    /// The most that the setting may say.
    pub(crate) most: Option<Duration>,
    pub(crate) setting: Setting,
    /// What the library takes for its grace period; `None`: it has no end.
    pub(crate) taken: Option<Duration>,
    /// What it takes instead where it may not recognise the platform.
    pub(crate) perhaps: Option<Duration>,
    /// Who told the library, in words.
    pub(crate) told_by: String,
    /// Where `LIFECYCLE_GRACE_PERIOD` stands, or belongs.
    pub(crate) variable: String,
    pub(crate) notes: Vec<String>,
}

/// The number of the platform that grants.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Setting {
    /// Where it stands, or belongs: `file:line`.
    pub place: String,
    /// What it is called there.
    pub name: &'static str,
    /// Whether it is there, and not the platform's default.
    pub is_written: bool,
    /// How it is written, for whole seconds.
    pub write: fn(Duration) -> String,
}

impl Setting {
    /// The setting `name`, which stands at `place`; or, unless it `is_written`, belongs there.
    #[must_use]
    pub fn new(
        place: impl Into<String>,
        name: &'static str,
        is_written: bool,
        write: fn(Duration) -> String,
    ) -> Self {
        Self { place: place.into(), name, is_written, write }
    }
}

impl PlatformLimit {
    /// What there is time for, and who says so: the least of what is granted and what is taken.
    pub(crate) fn constraints(&self) -> (Option<Duration>, String) {
        let (grace, source) = self.recognised();
        match self.perhaps {
            Some(perhaps) if grace.is_none_or(|grace| perhaps < grace) => {
                (Some(perhaps), "assumed, where the platform is not recognised".to_owned())
            }
            _ => (grace, source),
        }
    }

    fn recognised(&self) -> (Option<Duration>, String) {
        match (self.granted, self.taken) {
            (Some(granted), Some(taken)) if taken < granted => (Some(taken), self.told_by.clone()),
            (None, taken) => (taken, self.told_by.clone()),
            (granted, _) => (granted, self.setting.to_string()),
        }
    }

    /// The lines of an account: what the library takes, where that is less, and what the platform grants
    /// by its own number.
    pub(crate) fn lines(&self) -> Vec<(&'static str, Option<Duration>, String)> {
        let (grace, source) = self.constraints();
        let taken = (grace != self.granted).then_some(("taken", grace, source));
        let number = self.granted.map(|granted| granted.saturating_add(self.spent));
        let before = if self.spent.is_zero() {
            String::new()
        } else {
            format!(", {} of it before the signal", display(self.spent))
        };
        taken
            .into_iter()
            .chain([("granted", number, format!("{}{before}", self.setting))])
            .collect()
    }

    /// When the library takes more than is granted: what happens then.
    pub(crate) fn overdraft(&self) -> Option<String> {
        let granted =
            self.granted.filter(|granted| self.taken.is_none_or(|taken| taken > *granted))?;
        let takes = self.taken.map_or_else(
            || "knows no limit".to_owned(),
            |taken| format!("takes {}", display(taken)),
        );
        let granted = display(granted);
        let kill = if self.spent.is_zero() {
            format!("after {granted}")
        } else {
            format!("{granted} after the signal")
        };
        let (told_by, setting) = (&self.told_by, &self.setting);
        Some(format!("the service {takes} ({told_by}) and is killed {kill} ({setting})"))
    }

    /// How much more than is granted the library takes.
    pub(crate) fn overdrawn(&self) -> Duration {
        self.taken.unwrap_or_default().saturating_sub(self.granted.unwrap_or(Duration::MAX))
    }

    /// What to change so that a plan fits of which the margin has to leave `work`. `others` are
    /// changes that do, each alone, where the library takes no more than is granted.
    pub(crate) fn ways(&self, work: Duration, others: Vec<String>) -> Vec<String> {
        let told = |time: Duration| {
            format!("`LIFECYCLE_GRACE_PERIOD={}` ({})", display(time), self.variable)
        };
        let mut ways = Vec::new();
        let less = self.granted.filter(|_| self.overdraft().is_some());
        if let Some(granted) = less.filter(|granted| *granted - margin(*granted) >= work) {
            ways.push(told(granted));
        }
        let least = least_grace(work);
        let all = least.max(self.taken.or(self.granted).unwrap_or_default());
        // The numbers of most platforms are whole seconds: of `all` only those count, as they do of
        // `least`.
        let enough = [Duration::from_secs(all.as_secs()), least]
            .into_iter()
            .map(|enough| (enough, self.to_have(enough)));
        let mut possible = enough.filter(|(_, whole)| self.most.is_none_or(|most| *whole <= most));
        if let Some((enough, whole)) = possible.next() {
            let Setting { place, write, .. } = &self.setting;
            let mut steps = Vec::new();
            if self.granted.is_some_and(|granted| enough > granted) {
                steps.push(format!("`{}` ({place})", write(whole)));
            }
            if self.taken != Some(enough) || self.perhaps.is_some() {
                steps.push(told(enough));
            }
            ways.push(steps.join(" and "));
            ways.dedup();
        }
        ways.extend(others.into_iter().map(|other| match less {
            Some(granted) => format!("{} and {other}", told(granted)),
            None => other,
        }));
        ways
    }

    /// What the setting has to say, in whole seconds, so that `enough` is left after the signal.
    fn to_have(&self, enough: Duration) -> Duration {
        let exact = enough.saturating_add(self.spent);
        let part = u64::from(exact.subsec_nanos() > 0);
        Duration::from_secs(exact.as_secs().saturating_add(part))
    }
}

impl fmt::Display for Setting {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { place, name, is_written, .. } = self;
        let absent = if *is_written { "" } else { " is not set: the default" };
        write!(f, "{place} {name}{absent}")
    }
}
