//! How a hook joins the plan at run time: by itself until the final plan is taken, then by the driver's word.

use std::sync::mpsc;

use super::{
    driver::Driver,
    inbox::Post,
    lifecycle::Lifecycle,
    registry::{NotAdded, Registered, Start},
};
use crate::{
    PlanError, State,
    machine::{Effect, Input, Moment},
    plan::HookSpec,
    values::HookId,
};

impl Lifecycle {
    /// The plan changed: once the service runs, the driver says whether it still fits.
    pub(crate) fn look_at_plan(&self) {
        if self.is_running() {
            self.post(Input::Tick);
        }
    }

    pub(crate) fn register(
        &self,
        mut spec: HookSpec,
        action: Start,
        second_step: Option<Start>,
    ) -> Result<HookId, PlanError> {
        let id = self.registry.new_id();
        spec.id = id;
        let mut hook = Box::new(Registered { spec, action: Some(action), second_step });
        let mut checked = None;
        loop {
            match self.registry.add(hook, checked) {
                Ok(()) => {
                    self.look_at_plan();
                    return Ok(id);
                }
                Err(NotAdded::Unchecked(version, back)) => {
                    self.plan().with_hooks(vec![back.spec.clone()]).check()?;
                    (hook, checked) = (back, Some(version));
                }
                Err(NotAdded::Sealed(back)) => return self.register_late(id, back),
            }
        }
    }

    /// The driver decides. It runs no code of the application, so the wait is short.
    fn register_late(&self, id: HookId, hook: Box<Registered>) -> Result<HookId, PlanError> {
        let over =
            PlanError::too_late(&hook.spec.name, hook.spec.location, "the lifecycle has stopped");
        if self.state() == State::Stopped || self.host.is_driving() {
            return Err(over);
        }
        let (verdict, decided) = mpsc::channel();
        self.send(Post::Register { id, hook, verdict });
        self.host.let_drive();
        decided.recv().unwrap_or(Err(over)).map(|()| id)
    }
}

impl Driver {
    pub(super) fn register(
        &mut self,
        at: Moment,
        id: HookId,
        hook: Box<Registered>,
    ) -> Result<(), PlanError> {
        let (name, location) = (hook.spec.name.clone(), hook.spec.location);
        let too_late = |why| PlanError::too_late(&name, location, why);
        if self.state() == State::Stopped {
            return Err(too_late("the lifecycle has stopped"));
        }
        let registry = &self.lifecycle.registry;
        registry.add_late(hook);
        let plan = self.lifecycle.plan();
        if let Err(error) = plan.check() {
            registry.remove(id);
            return Err(error);
        }
        let planned = plan.hooks().len();
        let effects = self.machine.handle(at, self.facts(), Input::Extend(Box::new(plan)));
        let verdict = effects.iter().find_map(|effect| match effect {
            Effect::Extended(verdict) => Some(*verdict),
            _ => None,
        });
        if let Some(Err(why)) = verdict {
            registry.remove(id);
            self.carry_out_all(at, effects);
            return Err(too_late(why));
        }
        self.publish(|published| published.hooks.planned = planned);
        self.carry_out_all(at, effects);
        Ok(())
    }
}
