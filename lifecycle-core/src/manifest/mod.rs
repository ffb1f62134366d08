//! Whether a plan fits what is deployed: the manifest that grants the time, and tells the library of it.

mod choose;
mod command;
mod compose;
mod constraints;
mod document;
mod ecs;
mod environment;
mod json;
mod kind;
mod kubernetes;
mod load;
mod nomad;
mod overrides;
mod place;
mod prestop;
mod systemd;
#[cfg(test)]
mod tests;
mod timespan;
mod unit;
mod workload;

use std::{
    path::{Path, PathBuf},
    time::Duration,
};

use crate::{Config, FitError, Fits, Plan, config::Environment};

use self::{overrides::Overrides, workload::Workload};

pub(crate) use self::place::ManifestError;

/// The file that a service is deployed by, for [`Plan::fits_manifest`].
///
/// A relative path is relative to the current directory, which under `cargo test` is the root of the package.
/// Text may name the container as well: `deploy/k8s.yaml#orders`.
///
/// | | what grants | where it is absent | what else is read |
/// |---|---|---|---|
/// | Kubernetes: YAML or JSON, several documents, `List`; a `Pod`, `CronJob`, or anything with a pod at `spec.template.spec` | `terminationGracePeriodSeconds`, less what a `preStop` of the container sleeps ([`pre_stop`](Self::pre_stop) for others) | 30 s | `env`, config maps of the same file and namespace, `lifecycle.stopSignal` |
/// | ECS: a task definition, also as `describe-task-definition` shows it | `stopTimeout`, on Fargate 120 at most | 30 s | `environment` |
/// | systemd: a `.service`, and `.d/*.conf` beside it | `TimeoutStopSec` | 90 s; where nothing names the grace period the library may take 30 s, and the plan has to fit both | `Environment`, `EnvironmentFile` where it is there, `UnsetEnvironment`, `KillSignal`, `KillMode` |
/// | compose | `stop_grace_period` | 10 s | `environment`, `stop_signal`; anchors and `<<` |
/// | Nomad: JSON of the API, or HCL as JSON | `KillTimeout`, `kill_timeout`, 30 s at most unless [`max_kill_timeout`](Self::max_kill_timeout) is given | 5 s | `Env`, templates that are environments, `KillSignal` |
///
/// A `.json` file has to be strict JSON. What cannot be known of a manifest is an error where it costs the service
/// time, and else a note.
///
/// The container is the one that is named; else the only one; else the only one with a `LIFECYCLE_*` variable.
///
/// ```no_run
/// use lifecycle_core::{Config, Manifest, Plan};
///
/// let config = Config::new();
/// let plan = Plan::collect().unwrap();
/// plan.fits_manifest("deploy/k8s.yaml").unwrap();
/// plan.fits_manifest(Manifest::at("deploy/compose.yaml").container("orders").config(&config)).unwrap();
/// ```
#[derive(Clone, Debug)]
#[must_use = "a manifest says nothing until a plan is held against it"]
pub struct Manifest {
    path: PathBuf,
    overrides: Overrides,
    config: Config,
}

impl Manifest {
    /// The file at `path`.
    pub fn at(path: impl Into<PathBuf>) -> Self {
        Self { path: path.into(), overrides: Overrides::default(), config: Config::new() }
    }

    /// Which container is the service: its name, that of its workload where it has only one, or both, as in
    /// `orders/api`. In other words: a compose service, a Nomad task, an ECS container.
    pub fn container(mut self, name: impl Into<String>) -> Self {
        self.overrides.container = Some(name.into());
        self
    }

    /// How long the preStop of the container takes, on Kubernetes. Needed where the manifest does not tell: a
    /// sleep is understood, a request and other commands are not. It counts as well where there is no preStop in the
    /// manifest, as something in the cluster may add one; a longer sleep there counts instead.
    pub fn pre_stop(mut self, time: Duration) -> Self {
        self.overrides.pre_stop = Some(time);
        self
    }

    /// The `max_kill_timeout` of the clients that a Nomad job runs on. A client without it grants 30 s at most.
    pub fn max_kill_timeout(mut self, time: Duration) -> Self {
        self.overrides.max_kill_timeout = Some(time);
        self
    }

    /// What the service runs with; the variables of the manifest override it. Default: [`Config::new`]. The
    /// platform is that of the manifest unless the configuration says otherwise.
    pub fn config(mut self, config: &Config) -> Self {
        self.config = config.clone();
        self
    }

    /// Holds `plan` against what is deployed, where the process would also have `inherited`.
    pub(crate) fn holds(&self, plan: &Plan, inherited: &Environment) -> Result<Fits, FitError> {
        hold(kind::read(&self.path, &self.overrides)?, &self.config, inherited, plan.clone())
    }
}

impl Plan {
    /// Whether the plan fits what a manifest grants and tells the library: [`fits`](Self::fits), with the
    /// numbers that are in force where it is deployed. The library never learns what the platform grants;
    /// where it would take more than that, the plan does not fit, however little it needs.
    ///
    /// Nothing of the environment of this process is used: a test proves the same everywhere.
    ///
    /// # Errors
    ///
    /// When the plan does not fit, with the account and which numbers of the manifest to change. When the
    /// manifest cannot be read or contradicts itself, with file, line, field and what to do; the number that
    /// is [missing](FitError::missing) is `None` then.
    pub fn fits_manifest(&self, manifest: impl Into<Manifest>) -> Result<Fits, FitError> {
        manifest.into().holds(self, &Environment::default())
    }
}

fn hold(
    workload: Workload,
    config: &Config,
    inherited: &Environment,
    mut plan: Plan,
) -> Result<Fits, FitError> {
    let constraints = workload.constraints(config, inherited, &mut plan)?;
    plan.fits(constraints)
}

impl From<&str> for Manifest {
    /// A path, or `path#container`: what is a file as a whole is a path.
    fn from(text: &str) -> Self {
        match text.rsplit_once('#') {
            Some((path, container)) if !Path::new(text).is_file() => {
                Self::at(path).container(container)
            }
            _ => Self::at(text),
        }
    }
}

impl From<String> for Manifest {
    /// A path, or `path#container`.
    fn from(text: String) -> Self {
        text.as_str().into()
    }
}

impl From<&String> for Manifest {
    /// A path, or `path#container`.
    fn from(text: &String) -> Self {
        text.as_str().into()
    }
}

impl From<&Path> for Manifest {
    fn from(path: &Path) -> Self {
        Self::at(path)
    }
}

impl From<PathBuf> for Manifest {
    fn from(path: PathBuf) -> Self {
        Self::at(path)
    }
}

impl From<&PathBuf> for Manifest {
    fn from(path: &PathBuf) -> Self {
        Self::at(path)
    }
}
