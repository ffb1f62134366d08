//! Which file a service is deployed by. What reads it is another crate.

use std::{
    path::{Path, PathBuf},
    time::Duration,
};

use crate::{
    Config, FitError, Fits, Plan,
    config::{Environment, ManifestVariables, NO_READER},
};

use super::{Deployment, ManifestError};

/// The file that a service is deployed by, for `Plan::fits_manifest`.
///
/// A relative path is relative to the current directory, which under `cargo test` is the root of the
/// package. Text may name the container as well: `deploy/k8s.yaml#orders`.
///
/// | | what grants | where it is absent | what else is read |
/// |---|---|---|---|
/// | Kubernetes: YAML or JSON, several documents, `List`; a `Pod`, `CronJob`, or anything with a pod at `spec.template.spec`; native sidecars | `terminationGracePeriodSeconds`, less what a `preStop` of the container sleeps ([`pre_stop`](Self::pre_stop) for others) | 30 s | `command`, `args`, `env`, config maps of these files and of the same namespace, `lifecycle.stopSignal` |
/// | ECS: a task definition, also as `describe-task-definition` shows it; the list of its containers; a template of CloudFormation | `stopTimeout`, on Fargate 120 at most | 30 s | `entryPoint`, `command`, `environment` |
/// | systemd: a `.service` with the drop-ins that count for it | `TimeoutStopSec`; where the unit runs a container, what `docker stop -t` in `ExecStop` waits | 90 s; where nothing names the grace period the library may take 30 s, and the plan has to fit both | `Environment`, `EnvironmentFile` where it is there, `UnsetEnvironment`, `KillSignal` and its kin, `KillMode`, `ExecStop` |
/// | quadlets: a `.container` | `StopTimeout`, or `TimeoutStopSec` where that is less | 10 s | `Environment`, `StopSignal`, `Exec` |
/// | compose, with its override, `include` and `extends` | `stop_grace_period` | 10 s | `entrypoint`, `command`, `environment`, `env_file` where it is there, `stop_signal`; anchors and `<<` |
/// | Nomad: JSON of the API, or HCL as JSON | `KillTimeout`, `kill_timeout`, 30 s at most unless [`max_kill_timeout`](Self::max_kill_timeout) is given | 5 s | `Config`, `Env`, templates that are environments, `KillSignal` |
/// | a Dockerfile [beside](Self::beside) | | | `STOPSIGNAL`, `ENTRYPOINT`, `CMD`, `ENV` |
///
/// A `.json` file has to be strict JSON. A file has 8 MiB at most, and is no pipe. What cannot be known
/// of a manifest is an error where it costs the service time, and else a note; so is what nobody reads: a
/// number at a wrong place, or with a name that is nearly right. A shell that is not replaced by `exec`
/// hears the signal instead of the service: an error.
///
/// The container is the one that is named; else the only one; else the only one with a `LIFECYCLE_*`
/// variable. A sidecar is the service only where it is named, or has one.
#[derive(Clone, Debug)]
#[must_use = "a manifest says nothing until a plan is held against it"]
pub struct Manifest {
    path: PathBuf,
    overrides: Overrides,
    config: Config,
}

/// What the caller says of a deployment, as no file does. All of it may be absent.
#[derive(Clone, Debug, Default)]
#[non_exhaustive]
pub struct Overrides {
    /// Which container is the service.
    pub container: Option<String>,
    /// What the preStop takes.
    pub pre_stop: Option<Duration>,
    /// What the clients of Nomad grant at most.
    pub max_kill_timeout: Option<Duration>,
    /// The files that are given beside the first, in order.
    pub beside: Vec<PathBuf>,
    /// Who asks, and so how it is told what no file says.
    pub asked_by: AskedBy,
}

/// Who asks whether a plan fits a manifest.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum AskedBy {
    /// Somebody who writes code: a test.
    #[default]
    Code,
    /// Somebody who holds a binary, and sets variables.
    Variables,
}

/// What reads manifests. A program has one: the first that was registered where there are several.
#[derive(Clone, Copy, Debug)]
pub struct ManifestReader {
    read: fn(&Path, &Overrides) -> Result<Deployment, ManifestError>,
}

inventory::collect!(ManifestReader);

impl Manifest {
    /// The file at `path`.
    pub fn at(path: impl Into<PathBuf>) -> Self {
        Self { path: path.into(), overrides: Overrides::default(), config: Config::new() }
    }

    /// Which container is the service: its name, that of its workload where it has only one, or both, as
    /// in `orders/api`. In other words: a compose service, a Nomad task, an ECS container.
    pub fn container(mut self, name: impl Into<String>) -> Self {
        self.overrides.container = Some(name.into());
        self
    }

    /// A file that is deployed with the first: a Dockerfile, for the stop signal and the command of the
    /// image; more objects of Kubernetes; an override of a compose file, which merges them in this order.
    pub fn beside(mut self, path: impl Into<PathBuf>) -> Self {
        self.overrides.beside.push(path.into());
        self
    }

    /// How long the preStop of the container takes, on Kubernetes. Needed where the manifest does not
    /// tell: a sleep is understood, a request and other commands are not. It counts as well where there
    /// is no preStop in the manifest, as something in the cluster may add one; a longer sleep there counts
    /// instead.
    pub fn pre_stop(mut self, time: Duration) -> Self {
        self.overrides.pre_stop = Some(time);
        self
    }

    /// The `max_kill_timeout` of the clients that a Nomad job runs on. A client without it grants 30 s at
    /// most.
    pub fn max_kill_timeout(mut self, time: Duration) -> Self {
        self.overrides.max_kill_timeout = Some(time);
        self
    }

    /// What the service runs with; the variables of the manifest override it. Default: [`Config::new`].
    /// The platform is that of the manifest unless the configuration says otherwise.
    pub fn config(mut self, config: &Config) -> Self {
        self.config = config.clone();
        self
    }

    /// What the environment says: the files and the container, and what no file tells.
    pub(crate) fn of_variables(named: &ManifestVariables) -> Self {
        let mut manifest = Self::from(named.path.as_str());
        manifest.overrides.pre_stop = named.pre_stop;
        manifest.overrides.max_kill_timeout = named.max_kill_timeout;
        manifest.overrides.asked_by = AskedBy::Variables;
        manifest
    }

    /// Holds `plan` against what is deployed, where the process would also have `inherited`.
    pub(crate) fn hold(&self, plan: &Plan, inherited: &Environment) -> Result<Fits, FitError> {
        let reader = ManifestReader::linked().ok_or_else(|| ManifestError::new(NO_READER))?;
        (reader.read)(&self.path, &self.overrides)?.hold(plan.clone(), &self.config, inherited)
    }
}

impl ManifestReader {
    /// `read` is given the file and what the caller says of it. It says what the file grants and sets, or
    /// what is wrong there; it need not know what the library makes of that.
    #[must_use]
    pub const fn new(read: fn(&Path, &Overrides) -> Result<Deployment, ManifestError>) -> Self {
        Self { read }
    }

    /// That of this program.
    pub(crate) fn linked() -> Option<&'static Self> {
        inventory::iter::<Self>().next()
    }
}

impl From<&str> for Manifest {
    /// A path, or `path#container`, and after commas the files [beside](Self::beside) it:
    /// `deploy/k8s.yaml#orders,deploy/Dockerfile`. What is a file as a whole is a path.
    fn from(text: &str) -> Self {
        if Path::new(text).is_file() {
            return Self::at(text);
        }
        let mut files = text.split(',').map(str::trim);
        let first = files.next().unwrap_or_default();
        let manifest = match first.rsplit_once('#') {
            Some((path, container)) if !Path::new(first).is_file() => {
                Self::at(path).container(container)
            }
            _ => Self::at(first),
        };
        files.filter(|file| !file.is_empty()).fold(manifest, Self::beside)
    }
}

impl From<String> for Manifest {
    /// As from `&str`.
    fn from(text: String) -> Self {
        text.as_str().into()
    }
}

impl From<&String> for Manifest {
    /// As from `&str`.
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
