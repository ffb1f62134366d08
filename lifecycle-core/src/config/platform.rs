use std::{fmt, time::Duration};

use serde::{Deserialize, Serialize};

/// What runs the process, as far as a shutdown is concerned: it grants the grace period.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum Platform {
    /// A Kubernetes pod: `terminationGracePeriodSeconds`, 30 s.
    Kubernetes,
    /// An ECS task: `stopTimeout`, 30 s.
    Ecs,
    /// A systemd unit: `TimeoutStopSec`, 90 s.
    Systemd,
    /// A Nomad task: `kill_timeout`, 5 s.
    Nomad,
    /// A Cloud Run service: 10 s, fixed.
    CloudRun,
    /// A container of Docker, Podman or Compose with nothing above it: `stop_grace_period`, 10 s.
    Container,
    /// Nothing known: 30 s is assumed, and said to be assumed.
    Unknown,
}

impl Platform {
    /// From the shutdown request to the kill, where nobody configured anything else.
    #[must_use]
    pub const fn grace_period(self) -> Duration {
        Duration::from_secs(match self {
            Self::Kubernetes | Self::Ecs | Self::Unknown => 30,
            Self::Systemd => 90,
            Self::Nomad => 5,
            Self::CloudRun | Self::Container => 10,
        })
    }

    /// How long the service stays open after the request, so that load balancers learn of the stop.
    #[must_use]
    pub const fn shutdown_delay(self) -> Duration {
        Duration::from_secs(match self {
            Self::Kubernetes => 5,
            _ => 0,
        })
    }

    /// What this process runs on, from `env` (a look-up in its environment), whether it is PID 1 or
    /// in a container, and its own pid (systemd names it).
    pub(crate) fn detect(
        env: impl Fn(&str) -> Option<String>,
        in_container: bool,
        pid: u32,
    ) -> Self {
        let has = |name| env(name).is_some_and(|value| !value.is_empty());
        if has("NOMAD_ALLOC_ID") {
            Self::Nomad
        } else if has("ECS_CONTAINER_METADATA_URI_V4") || has("ECS_CONTAINER_METADATA_URI") {
            Self::Ecs
        } else if has("K_SERVICE") || has("CLOUD_RUN_JOB") {
            Self::CloudRun
        } else if has("KUBERNETES_SERVICE_HOST") {
            Self::Kubernetes
        } else if env("SYSTEMD_EXEC_PID").is_some_and(|owner| owner == pid.to_string()) {
            Self::Systemd
        } else if in_container {
            Self::Container
        } else {
            Self::Unknown
        }
    }
}

/// Which of many this process is, as its platform calls it: the pod, the allocation, the container,
/// the revision. `None` where the environment does not say.
pub(super) fn instance(platform: Platform, env: impl Fn(&str) -> Option<String>) -> Option<String> {
    let set = |name| env(name).filter(|value| !value.is_empty());
    let named = |what: &str, name| set(name).map(|value| format!("{what} {value}"));
    let parts = match platform {
        // What the downward API was asked for, by the names that are usual.
        Platform::Kubernetes => {
            let pod = set("POD_NAME")?;
            return Some(match set("POD_NAMESPACE") {
                Some(namespace) => format!("pod {namespace}/{pod}"),
                None => format!("pod {pod}"),
            });
        }
        Platform::Nomad => [
            named("alloc", "NOMAD_ALLOC_ID"),
            named("job", "NOMAD_JOB_NAME"),
            named("task", "NOMAD_TASK_NAME"),
        ],
        Platform::CloudRun => [
            named("service", "K_SERVICE").or_else(|| named("job", "CLOUD_RUN_JOB")),
            named("revision", "K_REVISION").or_else(|| named("execution", "CLOUD_RUN_EXECUTION")),
            named("task", "CLOUD_RUN_TASK_INDEX"),
        ],
        // The agent's address ends in the id that it gave the container.
        Platform::Ecs => {
            let address = set("ECS_CONTAINER_METADATA_URI_V4")
                .or_else(|| set("ECS_CONTAINER_METADATA_URI"))?;
            let id = address.trim_end_matches('/').rsplit('/').next().unwrap_or_default();
            return (!id.is_empty()).then(|| format!("container {id}"));
        }
        Platform::Systemd | Platform::Container | Platform::Unknown => return None,
    };
    let parts: Vec<_> = parts.into_iter().flatten().collect();
    (!parts.is_empty()).then(|| parts.join(", "))
}

impl fmt::Display for Platform {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::Kubernetes => "Kubernetes",
            Self::Ecs => "ECS",
            Self::Systemd => "systemd",
            Self::Nomad => "Nomad",
            Self::CloudRun => "Cloud Run",
            Self::Container => "a container",
            Self::Unknown => "an unknown platform",
        })
    }
}
