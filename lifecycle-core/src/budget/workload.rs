//! How long hooks take, which depends on what those have whose timeouts nobody wrote: up to 5 s each,
//! and where less is left an equal share of what the written ones leave.

use std::time::Duration;

use super::{ASSUMED_DRAIN, JOIN_ROOM, share};
use crate::{
    Plan,
    declare::DrainNeed,
    plan::{Chain, DEFAULT_TIMEOUT, PlannedHook},
};

/// The least that an unwritten timeout is: a plan that leaves less does not fit.
pub(crate) const LEAST_TIMEOUT: Duration = Duration::from_millis(500);

/// The chains of hooks that are the longest, each for some length of the unwritten timeouts.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Workload {
    chains: Vec<Chain>,
    /// What is to be had of the time from the request to the end of the drain.
    pub(crate) drain_need: Duration,
}

impl Workload {
    /// How long the hooks take, where `each` is what unwritten timeouts are.
    pub(crate) fn worst_case(&self, each: Duration) -> Duration {
        self.chains.iter().map(|chain| chain.length(each)).max().unwrap_or_default()
    }

    /// With so much after the last hook.
    pub(crate) fn followed_by(&self, time: Duration) -> Self {
        let longer =
            |chain: &Chain| Chain { written: chain.written.saturating_add(time), ..*chain };
        Self { chains: self.chains.iter().map(longer).collect(), ..*self }
    }

    /// How long they take when unwritten timeouts are as short as they may be.
    pub(crate) fn least(&self) -> Duration {
        self.worst_case(LEAST_TIMEOUT)
    }

    /// How long they take when there is time for all.
    pub(crate) fn most(&self) -> Duration {
        self.worst_case(DEFAULT_TIMEOUT)
    }

    /// What unwritten timeouts are where the hooks have `left`; `None` where that is too little. They
    /// leave the time to cancel the last of them, as nobody said that they should not.
    pub(crate) fn share_of(&self, left: Duration) -> Option<Duration> {
        if self.least() > left {
            return None;
        }
        let left = left.saturating_sub(JOIN_ROOM);
        let open = self.chains.iter().filter(|chain| chain.unwritten > 0);
        let shares = open.map(|chain| left.saturating_sub(chain.written) / chain.unwritten);
        Some(shares.min().unwrap_or(DEFAULT_TIMEOUT).clamp(LEAST_TIMEOUT, DEFAULT_TIMEOUT))
    }

    /// How long the hooks take where they have `left`; `None` where that is too little.
    pub(crate) fn within(&self, left: Duration) -> Option<Duration> {
        self.share_of(left).map(|each| self.worst_case(each))
    }
}

/// What a plan takes, each timeout as it was written.
impl From<&Plan> for Workload {
    fn from(plan: &Plan) -> Self {
        let longest = |each: Duration| {
            let tails = plan.graph().tails(each).into_iter();
            tails.max_by_key(|chain| (chain.length(each), chain.unwritten)).unwrap_or_default()
        };
        let [low, high] = [LEAST_TIMEOUT, DEFAULT_TIMEOUT].map(|each| (each, longest(each)));
        let mut chains = vec![low.1];
        let mut open = vec![(low, high)];
        // The longest chain of an `each` between two others is one of theirs, or their crossing tells.
        while let Some((low, high)) = open.pop() {
            if low.1 == high.1 {
                continue;
            }
            chains.push(high.1);
            let more = high.1.unwritten.saturating_sub(low.1.unwritten).max(1);
            let crossing = low.1.written.saturating_sub(high.1.written) / more;
            for each in [crossing, crossing.saturating_add(Duration::from_nanos(1))] {
                if each <= low.0 || each >= high.0 {
                    continue;
                }
                let found = longest(each);
                if found.length(each) > low.1.length(each).max(high.1.length(each)) {
                    open.extend([(low, (each, found)), ((each, found), high)]);
                    break;
                }
            }
        }
        let drain_need = plan.drain_need().map(DrainNeed::time).unwrap_or_default();
        Self { chains, drain_need }
    }
}

/// So much, all of it written.
impl From<Duration> for Workload {
    fn from(written: Duration) -> Self {
        Self { chains: vec![Chain { written, unwritten: 0 }], drain_need: Duration::ZERO }
    }
}

/// What the drain counts for where it and the hooks have `left`, and somebody declared that it needs
/// `need`.
pub(crate) fn counted_drain(
    drain_timeout: Option<Duration>,
    need: Duration,
    left: Duration,
) -> Duration {
    drain_timeout.unwrap_or_else(|| ASSUMED_DRAIN.min(left / 4).max(need))
}

/// The same, where hooks that need `hooks` are left just that.
pub(crate) fn least_drain(
    drain_timeout: Option<Duration>,
    need: Duration,
    hooks: Duration,
) -> Duration {
    drain_timeout.unwrap_or_else(|| ASSUMED_DRAIN.min(hooks / 3).max(need))
}

/// What each hook of a teardown is given: what `fits` proved it, and where nobody wrote its timeout
/// what is left over on its chain, up to 5 s.
#[derive(Clone, Debug)]
pub(crate) struct Shares {
    /// What unwritten timeouts are at least.
    each: Duration,
    /// The longest chain from each node to the end of the plan.
    tails: Vec<Duration>,
    /// The most unwritten timeouts on such a chain.
    unwritten: Vec<u32>,
}

impl Shares {
    /// For a teardown of `plan` that has `left`; `None`: nobody kills.
    pub(crate) fn new(plan: &Plan, left: Option<Duration>) -> Self {
        let each = left.map_or(DEFAULT_TIMEOUT, |left| {
            Workload::from(plan).share_of(left).unwrap_or(LEAST_TIMEOUT)
        });
        let graph = plan.graph();
        let tails = graph.tails(each).into_iter().map(|chain| chain.length(each)).collect();
        Self { each, tails, unwritten: graph.most_unwritten() }
    }

    /// How long the chain from the start of `node` takes.
    pub(crate) fn tail(&self, node: usize) -> Duration {
        self.tails[node]
    }

    /// How long the chain from the start of the second step of `node` takes.
    pub(crate) fn tail_of_fallback(&self, node: usize, hook: &PlannedHook) -> Duration {
        self.tails[node].saturating_sub(self.counted(hook))
    }

    /// The time of `hook`, which is `node` and starts with `left` on the clock.
    pub(crate) fn timeout(
        &self,
        node: usize,
        hook: &PlannedHook,
        left: Option<Duration>,
    ) -> Duration {
        let tail = self.tails[node];
        let spare = left.map_or(Duration::MAX, |left| left.saturating_sub(tail));
        if hook.timeout_open && left.is_none_or(|left| left >= tail) {
            let more = spare.saturating_sub(JOIN_ROOM) / self.unwritten[node].max(1);
            return self.each.saturating_add(more).min(DEFAULT_TIMEOUT);
        }
        share(self.counted(hook), tail, left)
    }

    const fn counted(&self, hook: &PlannedHook) -> Duration {
        if hook.timeout_open { self.each } else { hook.timeout }
    }
}
