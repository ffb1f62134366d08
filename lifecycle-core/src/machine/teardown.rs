//! The teardown as a pure machine: a checked graph of hooks, time and what became of each hook go in,
//! steps come out.
//!
//! Invariants:
//! 1. A hook starts when every predecessor has ended or is `Stuck`, and not before.
//! 2. A hook has exactly one outcome; only `Stuck` may still turn into `Late`, when the hook ends by itself.
//! 3. A hook that starts with `left` on the clock and the longest chain `tail` behind it gets at most its
//!    share of `left`, so that the last hook of every chain still gets its own.

use std::{collections::HashMap, time::Duration};

use crate::{Outcome, Plan, budget::share, declare::HookId, plan::Graph};

/// Time since the lifecycle began.
pub(crate) type Moment = Duration;

/// How long a cancelled hook may take to go.
pub(crate) const ABORT_GRACE: Duration = Duration::from_millis(100);

/// What is kept of a time that is short for cancelling and reporting.
const JOIN_ROOM: Duration = Duration::from_millis(150);

/// What the runtime has to do.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Step {
    /// Start the hook; it is cancelled after `timeout`.
    Start { hook: HookId, timeout: Duration },
    /// Run the second step that the hook registered with `on_timeout`.
    Fallback { hook: HookId, timeout: Duration },
    /// Cancel what runs of the hook.
    Abort { hook: HookId },
    /// The hook cannot be stopped; its successors start beside it.
    Stuck { hook: HookId, elapsed: Duration },
    /// The hook has its outcome.
    Ended { hook: HookId, outcome: Outcome, took: Duration },
}

/// How a hook came to its end.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum End {
    Completed,
    Failed(String),
    Panicked(String),
    /// Dropped at an await point, as `Step::Abort` asked.
    Cancelled,
    Skipped(String),
    Unregistered,
}

/// What is known of one hook.
#[derive(Clone, Debug)]
pub(crate) struct Progress {
    pub(crate) phase: Phase,
    pub(crate) started: Option<Moment>,
    pub(crate) ended: Option<Moment>,
    /// Its timeout, cut to its share where time was short.
    pub(crate) allotted: Duration,
    /// The predecessor whose end let it start.
    pub(crate) released_by: Option<HookId>,
    outcome: Option<Outcome>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Phase {
    Waiting,
    Running {
        until: Moment,
    },
    /// Cancelled, not gone yet.
    Aborting {
        until: Moment,
    },
    /// In its second step.
    Fallback {
        until: Moment,
    },
    /// Cancelled in its second step, not gone yet.
    AbortingFallback {
        until: Moment,
    },
    Stuck,
    Done,
}

pub(crate) struct Teardown {
    plan: Plan,
    deadline: Option<Moment>,
    drained: bool,
    /// One for each hook of the plan, in its order.
    hooks: Vec<Progress>,
    /// For each node of the graph, how many predecessors are still to end.
    blocked_by: Vec<u32>,
    index: HashMap<HookId, usize>,
    /// How many hooks have neither an outcome nor are stuck.
    open: usize,
}

impl Teardown {
    /// The teardown of `plan`, which has to be over at `deadline`, with its first steps.
    /// `drained`: the drain kept to its time, and left what it was to leave.
    pub(crate) fn begin(
        plan: Plan,
        now: Moment,
        deadline: Option<Moment>,
        drained: bool,
    ) -> (Self, Vec<Step>) {
        let graph = plan.graph();
        let count = plan.hooks().len();
        let mut teardown = Self {
            deadline,
            drained,
            hooks: vec![Progress::waiting(); count],
            blocked_by: graph.predecessors.clone(),
            index: index(&plan),
            open: count,
            plan,
        };
        let free: Vec<_> =
            (0..teardown.blocked_by.len()).filter(|node| teardown.blocked_by[*node] == 0).collect();
        let mut steps = Vec::new();
        for node in free {
            teardown.reach(node, None, now, &mut steps);
        }
        (teardown, steps)
    }

    /// `hook` came to its end.
    pub(crate) fn ended(&mut self, hook: HookId, end: End, now: Moment) -> Vec<Step> {
        let mut steps = Vec::new();
        let Some(&at) = self.index.get(&hook) else { return steps };
        match self.hooks[at].phase {
            Phase::Running { until } => {
                let outcome = match end {
                    End::Completed if now > until => Outcome::Late,
                    End::Completed => Outcome::Completed,
                    End::Failed(text) => Outcome::Failed(text),
                    End::Panicked(text) => Outcome::Panicked(text),
                    End::Skipped(why) => Outcome::Skipped(why),
                    End::Unregistered => Outcome::Unregistered,
                    End::Cancelled => Outcome::TimedOut,
                };
                self.close(at, outcome, now, &mut steps);
            }
            Phase::Aborting { .. } => match end {
                End::Cancelled => self.after_cancel(at, now, &mut steps),
                End::Panicked(text) => self.close(at, Outcome::Panicked(text), now, &mut steps),
                End::Skipped(why) => self.close(at, Outcome::Skipped(why), now, &mut steps),
                End::Completed | End::Failed(_) | End::Unregistered => {
                    self.close(at, Outcome::Late, now, &mut steps);
                }
            },
            Phase::Fallback { .. } | Phase::AbortingFallback { .. } => {
                self.close(at, Outcome::TimedOut, now, &mut steps);
            }
            Phase::Stuck => {
                // Its successors have started long ago: only what is said of it changes.
                let progress = &mut self.hooks[at];
                progress.phase = Phase::Done;
                progress.ended = Some(now);
                if end != End::Cancelled {
                    progress.outcome = Some(Outcome::Late);
                    steps.push(Step::Ended {
                        hook,
                        outcome: Outcome::Late,
                        took: progress.took(now),
                    });
                }
            }
            Phase::Waiting | Phase::Done => {}
        }
        steps
    }

    /// What time alone bwakes about.
    pub(crate) fn tick(&mut self, now: Moment) -> Vec<Step> {
        let mut steps = Vec::new();
        for at in 0..self.hooks.len() {
            let hook = self.plan.hooks()[at].id();
            match self.hooks[at].phase {
                Phase::Running { until } if until <= now => {
                    self.hooks[at].phase =
                        Phase::Aborting { until: now.saturating_add(ABORT_GRACE) };
                    steps.push(Step::Abort { hook });
                }
                Phase::Fallback { until } if until <= now => {
                    let until = now.saturating_add(ABORT_GRACE);
                    self.hooks[at].phase = Phase::AbortingFallback { until };
                    steps.push(Step::Abort { hook });
                }
                Phase::Aborting { until } | Phase::AbortingFallback { until } if until <= now => {
                    let elapsed = self.hooks[at].took(now);
                    self.hooks[at].phase = Phase::Stuck;
                    self.hooks[at].outcome = Some(Outcome::Stuck);
                    steps.push(Step::Stuck { hook, elapsed });
                    self.release(at, now, &mut steps);
                }
                _ => {}
            }
        }
        steps
    }

    /// When `tick` next has something to do.
    pub(crate) fn next_wake(&self) -> Option<Moment> {
        self.hooks
            .iter()
            .filter_map(|hook| match hook.phase {
                Phase::Running { until }
                | Phase::Aborting { until }
                | Phase::Fallback { until }
                | Phase::AbortingFallback { until } => Some(until),
                _ => None,
            })
            .min()
    }

    /// Whether nothing is left to wait for. Stuck hooks are not waited for.
    pub(crate) fn is_done(&self) -> bool {
        self.open == 0
    }

    /// Goes on with `plan`, which has the same hooks and more, if that changes nothing that has started.
    pub(crate) fn extend(&mut self, plan: Plan, now: Moment) -> Result<Vec<Step>, &'static str> {
        let graph = plan.graph();
        let hooks: Vec<_> = plan
            .hooks()
            .iter()
            .map(|hook| {
                self.index
                    .get(&hook.id())
                    .map_or_else(Progress::waiting, |at| self.hooks[*at].clone())
            })
            .collect();
        let mut blocked_by = graph.predecessors.clone();
        // The nodes of a graph come in topological order except for the barriers, so reach them by work list.
        let mut released: Vec<usize> = Vec::new();
        let mut is_released = vec![false; blocked_by.len()];
        let mut work: Vec<usize> =
            (0..blocked_by.len()).filter(|node| blocked_by[*node] == 0).collect();
        while let Some(node) = work.pop() {
            let over =
                node >= hooks.len() || matches!(hooks[node].phase, Phase::Done | Phase::Stuck);
            if !over {
                continue;
            }
            released.push(node);
            is_released[node] = true;
            for next in &graph.successors[node] {
                let next = *next as usize;
                blocked_by[next] -= 1;
                if blocked_by[next] == 0 {
                    work.push(next);
                }
            }
        }
        if hooks
            .iter()
            .enumerate()
            .any(|(at, hook)| hook.phase != Phase::Waiting && blocked_by[at] > 0)
        {
            return Err("hooks that have to come after it have started");
        }
        self.open =
            hooks.iter().filter(|hook| !matches!(hook.phase, Phase::Done | Phase::Stuck)).count();
        self.index = index(&plan);
        self.hooks = hooks;
        self.blocked_by = blocked_by;
        self.plan = plan;
        let mut steps = Vec::new();
        for at in 0..self.hooks.len() {
            if self.blocked_by[at] == 0 && self.hooks[at].phase == Phase::Waiting {
                self.reach(at, None, now, &mut steps);
            }
        }
        Ok(steps)
    }

    pub(crate) const fn plan(&self) -> &Plan {
        &self.plan
    }

    /// What is known of each hook of the plan, in its order.
    pub(crate) fn progress(&self) -> &[Progress] {
        &self.hooks
    }

    /// Every predecessor of `node` has ended.
    fn reach(
        &mut self,
        node: usize,
        released_by: Option<HookId>,
        now: Moment,
        steps: &mut Vec<Step>,
    ) {
        if node >= self.hooks.len() {
            self.release_from(node, released_by, now, steps);
            return;
        }
        let planned = &self.plan.hooks()[node];
        let timeout = self.allot(planned.timeout(), self.plan.graph().tail[node], now);
        let hook = &mut self.hooks[node];
        hook.phase = Phase::Running { until: now.saturating_add(timeout) };
        hook.started = Some(now);
        hook.allotted = timeout;
        hook.released_by = released_by;
        steps.push(Step::Start { hook: planned.id(), timeout });
    }

    fn after_cancel(&mut self, at: usize, now: Moment, steps: &mut Vec<Step>) {
        let planned = &self.plan.hooks()[at];
        if planned.fallback_timeout().is_zero() {
            self.close(at, Outcome::TimedOut, now, steps);
            return;
        }
        let tail = self.plan.graph().tail[at].saturating_sub(planned.timeout());
        let timeout = self.allot(planned.fallback_timeout(), tail, now);
        self.hooks[at].phase = Phase::Fallback { until: now.saturating_add(timeout) };
        steps.push(Step::Fallback { hook: planned.id(), timeout });
    }

    /// The share of `timeout` in what is left for a chain that may take `tail`.
    fn allot(&self, timeout: Duration, tail: Duration, now: Moment) -> Duration {
        // Cancelling the last hook and writing the report must fit before the deadline as well; but a plan that
        // was proved to fit has all of its time.
        let left = self.deadline.map(|deadline| {
            let left = deadline.saturating_sub(now);
            let room = JOIN_ROOM.min(left / 5);
            left - if self.drained { room.min(tail.saturating_sub(left)) } else { room }
        });
        share(timeout, tail, left)
    }

    fn close(&mut self, at: usize, outcome: Outcome, now: Moment, steps: &mut Vec<Step>) {
        let hook = &mut self.hooks[at];
        hook.phase = Phase::Done;
        hook.ended = Some(now);
        hook.outcome = Some(outcome.clone());
        let took = hook.took(now);
        steps.push(Step::Ended { hook: self.plan.hooks()[at].id(), outcome, took });
        self.release(at, now, steps);
    }

    fn release(&mut self, at: usize, now: Moment, steps: &mut Vec<Step>) {
        self.open -= 1;
        self.release_from(at, Some(self.plan.hooks()[at].id()), now, steps);
    }

    /// Iterative, as thousands of empty barriers must not be thousands of stack frames.
    fn release_from(
        &mut self,
        node: usize,
        by: Option<HookId>,
        now: Moment,
        steps: &mut Vec<Step>,
    ) {
        let mut work = vec![node];
        while let Some(node) = work.pop() {
            for at in 0..self.graph().successors[node].len() {
                let next = self.graph().successors[node][at] as usize;
                self.blocked_by[next] -= 1;
                if self.blocked_by[next] > 0 {
                    continue;
                }
                if next >= self.hooks.len() {
                    work.push(next);
                } else {
                    self.reach(next, by, now, steps);
                }
            }
        }
    }

    fn graph(&self) -> &Graph {
        self.plan.graph()
    }
}

impl Progress {
    fn waiting() -> Self {
        Self {
            phase: Phase::Waiting,
            started: None,
            ended: None,
            allotted: Duration::ZERO,
            released_by: None,
            outcome: None,
        }
    }

    /// What became of the hook; what runs now, or was never reached, has not started or not ended in time.
    pub(crate) fn outcome(&self) -> Outcome {
        match (&self.outcome, self.phase) {
            (Some(outcome), _) => outcome.clone(),
            (None, Phase::Waiting) => Outcome::NotStarted,
            (None, _) => Outcome::Stuck,
        }
    }

    pub(crate) fn took(&self, now: Moment) -> Duration {
        self.started
            .map_or(Duration::ZERO, |started| self.ended.unwrap_or(now).saturating_sub(started))
    }
}

fn index(plan: &Plan) -> HashMap<HookId, usize> {
    plan.hooks().iter().enumerate().map(|(at, hook)| (hook.id(), at)).collect()
}
