#![doc = include_str!("../README.md")]

mod agent;
mod keeper;

use std::{
    sync::{Arc, OnceLock},
    thread,
    time::Duration,
};

use lifecycle_core::Config;
use tokio::sync::watch;
use tracing::{debug, warn};

use self::{agent::Agent, keeper::Keeper};

const EXPIRES_IN: Duration = Duration::from_secs(10 * 60);
const MINUTE: Duration = Duration::from_secs(60);
const MOST_MINUTES: u64 = 48 * 60;
const RELEASED_AFTER: Duration = Duration::from_secs(5);
const REQUEST_TIMEOUT: Duration = Duration::from_secs(2);

/// Protects the task from scale-in while it has work in flight, at the agent that `ECS_AGENT_URI`
/// names. Where that is not set, nothing happens.
///
/// It asks when work begins, again after half the time for as long as there is any, and gives the
/// protection back when there was none for 5 s. A request may take 2 s; one that fails is logged,
/// and made again after 1 s, 2 s, and so on up to 30 s. All of it is on a thread of its own, which
/// is started by the first work, and none of it holds a call or the stop: a task that is being
/// stopped needs no protection any more.
///
/// ```
/// use lifecycle_core::Config;
/// use lifecycle_ecs::ScaleInProtection;
///
/// let config = ScaleInProtection::from_env().add_to(Config::new());
/// # let _ = config;
/// ```
#[derive(Clone, Debug)]
#[must_use = "it does nothing until it is added to a configuration"]
pub struct ScaleInProtection {
    agent: Option<String>,
    expires_in: Duration,
    released_after: Duration,
    request_timeout: Duration,
}

impl ScaleInProtection {
    /// By the agent that `ECS_AGENT_URI` names; without that, nothing.
    pub fn from_env() -> Self {
        Self::by(std::env::var("ECS_AGENT_URI").ok().filter(|uri| !uri.is_empty()))
    }

    /// By the agent at this address, as `http://169.254.170.2/api/0123`.
    pub fn at(agent: impl Into<String>) -> Self {
        Self::by(Some(agent.into()))
    }

    /// After how long ECS forgets it, where it is not renewed: what a task that hangs, or that was
    /// killed, may cost. Whole minutes, from 1 to 2,880; default: 10.
    pub const fn expires_in(mut self, time: Duration) -> Self {
        self.expires_in = time;
        self
    }

    /// How long nothing is in flight before it is given back, so that a worker that takes one job
    /// after the other does not ask twice for each. Default: 5 s.
    pub const fn released_after(mut self, idle: Duration) -> Self {
        self.released_after = idle;
        self
    }

    /// How long the agent may take to answer. Default: 2 s.
    pub const fn request_timeout(mut self, timeout: Duration) -> Self {
        self.request_timeout = timeout;
        self
    }

    /// Has `config` ask for it.
    pub fn add_to(self, config: Config) -> Config {
        let Some(uri) = self.agent.clone() else {
            debug!(target: "lifecycle", "no scale-in protection: ECS_AGENT_URI is not set");
            return config;
        };
        let keeper = Arc::new(OnceLock::new());
        config.on_busy(move |busy| {
            let started = keeper.get_or_init(|| self.start(&uri));
            if let Some(told) = started {
                told.send_replace(busy);
            }
        })
    }

    fn by(agent: Option<String>) -> Self {
        Self {
            agent,
            expires_in: EXPIRES_IN,
            released_after: RELEASED_AFTER,
            request_timeout: REQUEST_TIMEOUT,
        }
    }

    /// On a thread of its own: the application's may be blocked by the very work that is to be
    /// protected. `None` where there can be none, which is said.
    fn start(&self, uri: &str) -> Option<watch::Sender<bool>> {
        let agent = match Agent::new(uri, self.request_timeout) {
            Ok(agent) => agent,
            Err(why) => {
                warn!(target: "lifecycle", "no scale-in protection: ECS_AGENT_URI={uri}: {why}");
                return None;
            }
        };
        let (told, busy) = watch::channel(false);
        let minutes = self.expires_in.div_duration_f64(MINUTE).ceil() as u64;
        let keeper = Keeper::new(agent, minutes.clamp(1, MOST_MINUTES), self.released_after);
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
        let run = move || runtime.map(|runtime| runtime.block_on(keeper.keep(busy)));
        let thread = thread::Builder::new().name("lifecycle-ecs".to_owned()).spawn(|| {
            if let Err(error) = run() {
                warn!(target: "lifecycle", "no scale-in protection: {error}");
            }
        });
        thread
            .map_err(|error| warn!(target: "lifecycle", "no scale-in protection: {error}"))
            .ok()?;
        Some(told)
    }
}
