//! The teardown as a pure machine: a checked graph of hooks, time and what became of each hook go in,
//! steps come out. Its cost grows with hooks and edges: nothing here looks at all hooks for one event.
//!
//! Invariants:
//! 1. A hook starts when every predecessor has ended or is `Stuck`, and not before.
//! 2. A hook has exactly one outcome; only `Stuck` may still turn into `Late`, when the hook ends by itself.
//! 3. A hook that starts with `left` on the clock and the longest chain `tail` behind it gets at most its
//!    share of `left`, so that the last hook of every chain still gets its own. What nobody wrote is short
//!    before what somebody wrote is.
//! 4. A hook's time counts from the moment at which it is started: where many become free at once, they start
//!    in batches.
//!
//! Who may start is decided here, when a hook is cancelled in `hook_timeout`.

use std::collections::{HashMap, VecDeque};

use super::{
    Effect, End, Moment, Step, TeardownHook,
    exit_code::is_unclean,
    progress::{Phase, Progress, Timers},
    time::Time,
};
use crate::{Outcome, Plan, budget::Shares, plan::Graph, values::HookId};

/// How many hooks start at once at most. The driver looks at signals and at the deadline in between, and
/// those behind are given their time when it is their turn.
const START_BATCH: usize = 64;

pub(crate) struct Teardown {
    pub(super) plan: Plan,
    pub(super) shares: Option<Shares>,
    pub(super) deadline: Option<Moment>,
    was_running: bool,
    /// The hooks of the plan, in its order, as they are handed out.
    pub(super) hooks: Vec<TeardownHook>,
    /// One for each of `hooks`.
    pub(super) progress: Vec<Progress>,
    index: HashMap<HookId, usize>,
    /// For each node of the graph, how many predecessors are still to end.
    blocked_by: Vec<u32>,
    /// The hooks that may start, and whose end let them.
    ready: VecDeque<(usize, Option<HookId>)>,
    pub(super) timers: Timers,
    /// How many hooks have neither an outcome nor are stuck.
    open: usize,
}

impl Teardown {
    /// The teardown of `plan`, which has to be over at `deadline`. `was_running`: start-up had come to its end.
    pub(super) fn new(plan: Plan, deadline: Option<Moment>, was_running: bool) -> Self {
        let count = plan.hooks().len();
        let mut teardown = Self {
            shares: None,
            deadline,
            was_running,
            hooks: plan.hooks().iter().map(TeardownHook::new).collect(),
            progress: vec![Progress::waiting(); count],
            index: index(&plan),
            blocked_by: plan.graph().predecessors.clone(),
            ready: VecDeque::new(),
            timers: Timers::default(),
            open: count,
            plan,
        };
        let free: Vec<_> =
            (0..teardown.blocked_by.len()).filter(|node| teardown.blocked_by[*node] == 0).collect();
        for node in free {
            teardown.reach(node, None);
        }
        teardown
    }

    /// What time brings about, and the starts that are due.
    pub(super) fn advance(&mut self, time: Time, effects: &mut Vec<Effect>) {
        self.enforce_timeouts(time, effects);
        let starts = self.ready.len().min(START_BATCH);
        for (hook, released_by) in self.ready.drain(..starts).collect::<Vec<_>>() {
            self.start(hook, released_by, time, effects);
        }
        // A hook without any time is cancelled where it starts.
        self.enforce_timeouts(time, effects);
    }

    /// When `advance` next has something to do.
    pub(super) fn next_wake(&self) -> Option<Moment> {
        if self.ready.is_empty() { self.timers.next() } else { Some(Moment::ZERO) }
    }

    /// `hook` came to its end.
    pub(super) fn ended(&mut self, hook: HookId, end: End, time: Time, effects: &mut Vec<Effect>) {
        let Some(&hook) = self.index.get(&hook) else { return };
        match self.progress[hook].phase {
            Phase::Running { until } => {
                let outcome = match end {
                    End::Completed if time.at > until => Outcome::Late,
                    End::Completed => Outcome::Completed,
                    End::Failed(text) => Outcome::Failed(text),
                    End::Panicked(text) => Outcome::Panicked(text),
                    End::Skipped(why) => Outcome::Skipped(why),
                    End::NotProvided(what) => Outcome::NotProvided(what),
                    End::Unregistered => Outcome::Unregistered,
                    End::Dropped { began } => Outcome::Failed(dropped(began).to_owned()),
                };
                self.close(hook, outcome, time.at, effects);
            }
            Phase::Aborting { .. } => match end {
                End::Dropped { .. } => self.after_cancel(hook, time, effects),
                End::Panicked(text) => {
                    self.close(hook, Outcome::Panicked(text), time.at, effects);
                }
                End::Skipped(why) => self.close(hook, Outcome::Skipped(why), time.at, effects),
                End::NotProvided(what) => {
                    self.close(hook, Outcome::NotProvided(what), time.at, effects);
                }
                End::Completed | End::Failed(_) | End::Unregistered => {
                    self.close(hook, Outcome::Late, time.at, effects);
                }
            },
            Phase::Fallback { .. } | Phase::AbortingFallback { .. } => {
                self.close(hook, Outcome::TimedOut, time.at, effects);
            }
            Phase::Stuck => {
                // Its successors have started long ago: only what is said of it changes.
                self.set_phase(hook, Phase::Done);
                self.progress[hook].ended = Some(time.at);
                if !matches!(end, End::Dropped { .. }) {
                    self.progress[hook].outcome = Some(Outcome::Late);
                    self.say_ended(hook, Outcome::Late, time.at, effects);
                }
            }
            Phase::Waiting | Phase::Done => {}
        }
    }

    /// Whether nothing is left to wait for. Stuck hooks are not waited for.
    pub(crate) const fn is_done(&self) -> bool {
        self.open == 0
    }

    /// Goes on with `plan`, which has the same hooks and more, if that changes nothing that has started.
    pub(super) fn extend(&mut self, plan: Plan) -> Result<(), &'static str> {
        let graph = plan.graph();
        let progress: Vec<_> = plan
            .hooks()
            .iter()
            .map(|hook| {
                self.index
                    .get(&hook.id())
                    .map_or_else(Progress::waiting, |at| self.progress[*at].clone())
            })
            .collect();
        let mut blocked_by = graph.predecessors.clone();
        // The nodes of a graph come in topological order except for the barriers, so reach them by work list.
        let mut work: Vec<usize> =
            (0..blocked_by.len()).filter(|node| blocked_by[*node] == 0).collect();
        while let Some(node) = work.pop() {
            let is_over = |hook: &Progress| matches!(hook.phase, Phase::Done | Phase::Stuck);
            if !progress.get(node).is_none_or(is_over) {
                continue;
            }
            for next in &graph.successors[node] {
                let next = *next as usize;
                blocked_by[next] -= 1;
                if blocked_by[next] == 0 {
                    work.push(next);
                }
            }
        }
        let is_before_a_started_one =
            |(at, hook): (usize, &Progress)| hook.phase != Phase::Waiting && blocked_by[at] > 0;
        if progress.iter().enumerate().any(is_before_a_started_one) {
            return Err("hooks that have to come after it have started");
        }
        let waits = |hook: &&Progress| !matches!(hook.phase, Phase::Done | Phase::Stuck);
        self.open = progress.iter().filter(waits).count();
        self.ready = (0..progress.len())
            .filter(|at| blocked_by[*at] == 0 && progress[*at].phase == Phase::Waiting)
            .map(|at| (at, None))
            .collect();
        self.timers = progress.iter().enumerate().collect();
        self.index = index(&plan);
        self.hooks = plan.hooks().iter().map(TeardownHook::new).collect();
        self.progress = progress;
        self.blocked_by = blocked_by;
        self.plan = plan;
        self.shares = None;
        Ok(())
    }

    /// How many hooks have neither an outcome nor are stuck.
    pub(crate) const fn open(&self) -> usize {
        self.open
    }

    pub(crate) const fn plan(&self) -> &Plan {
        &self.plan
    }

    /// What is known of each hook of the plan, in its order.
    pub(crate) fn progress(&self) -> &[Progress] {
        &self.progress
    }

    /// Every predecessor of `node` has ended.
    fn reach(&mut self, node: usize, released_by: Option<HookId>) {
        if node < self.hooks.len() {
            self.ready.push_back((node, released_by));
        } else {
            self.release_from(node, released_by);
        }
    }

    fn start(
        &mut self,
        hook: usize,
        released_by: Option<HookId>,
        time: Time,
        effects: &mut Vec<Effect>,
    ) {
        let planned = self.hooks[hook].clone();
        let timeout = self.allot(hook, time.now);
        self.set_phase(hook, Phase::Running { until: time.now.after(timeout) });
        let progress = &mut self.progress[hook];
        progress.started = Some(time.now);
        progress.allotted = timeout;
        progress.released_by = released_by;
        effects.push(Effect::Step(Step::Start { hook: planned, timeout }));
    }

    pub(super) fn close(
        &mut self,
        hook: usize,
        outcome: Outcome,
        at: Moment,
        effects: &mut Vec<Effect>,
    ) {
        self.set_phase(hook, Phase::Done);
        self.progress[hook].ended = Some(at);
        self.progress[hook].outcome = Some(outcome.clone());
        self.say_ended(hook, outcome, at, effects);
        self.release(hook);
    }

    fn say_ended(&self, hook: usize, outcome: Outcome, at: Moment, effects: &mut Vec<Effect>) {
        effects.push(Effect::Step(Step::Ended {
            hook: self.hooks[hook].clone(),
            is_clean: !is_unclean(&outcome, self.was_running),
            outcome,
            took: self.progress[hook].took(at),
        }));
    }

    /// Nobody waits for `hook` any more.
    pub(super) fn release(&mut self, hook: usize) {
        self.open -= 1;
        self.release_from(hook, Some(self.hooks[hook].id()));
    }

    /// Iterative, as thousands of empty barriers must not be thousands of stack frames.
    fn release_from(&mut self, node: usize, by: Option<HookId>) {
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
                    self.ready.push_back((next, by));
                }
            }
        }
    }

    pub(super) fn graph(&self) -> &Graph {
        self.plan.graph()
    }
}

/// What became of a hook that nobody cancelled.
const fn dropped(began: bool) -> &'static str {
    if began {
        "it was dropped half-way: its runtime was shut down, or its thread ended"
    } else {
        "it did not run: its runtime had been shut down"
    }
}

fn index(plan: &Plan) -> HashMap<HookId, usize> {
    plan.hooks().iter().enumerate().map(|(at, hook)| (hook.id(), at)).collect()
}
