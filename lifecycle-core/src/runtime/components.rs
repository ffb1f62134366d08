//! Components: started in place before main, stopped on the runtime after the last hook.

use std::{future::poll_fn, mem, task::Poll};

use super::{
    component_set::{Started, Stopping, drop_contained, problem},
    driver::Driver,
    lifecycle::Lifecycle,
};
use crate::{
    admission::context,
    config::{ComponentFuture, Components},
    foreign::{Foreign, contain},
    machine::Input,
    text::{cut, redact::redact},
};

impl Lifecycle {
    /// Starts them, one after the other; the error says which did not start, and why.
    pub(super) async fn start_components(&self, components: &Components) -> Result<(), String> {
        for slot in components.iter() {
            let planned = slot.planned.clone();
            let failed = |why: &str| format!("component `{}` did not start: {why}", planned.name());
            let Some(mut component) = slot.take() else {
                return Err(failed("it belongs to an earlier run of its configuration"));
            };
            let started = contained(|| component.begin()).await;
            if let Err(why) = started {
                drop_contained(component);
                return Err(failed(&why));
            }
            self.components.lock().started.push(Started { planned, component });
        }
        Ok(())
    }

    /// The stop of the component has an end: the last one is told to the driver.
    fn component_stopped(&self, id: usize, result: Result<(), String>) {
        let mut inner = self.components.lock();
        let Some(at) = inner.stopping.iter().position(|stopping| stopping.id == id) else {
            // It was given up.
            return;
        };
        let stopped = inner.stopping.swap_remove(at);
        let took = self.now().since(stopped.began);
        let within = stopped.planned.stop_timeout();
        let wrong = match result {
            Err(why) => Some(format!("did not stop as it should: {why}")),
            Ok(()) if took > within => {
                Some(format!("took {took:.1?} to stop, and has {within:.1?}"))
            }
            Ok(()) => None,
        };
        inner.problems.extend(wrong.map(|wrong| problem(&stopped.planned, &wrong)));
        let is_last = inner.stopping.is_empty();
        let is_clean = inner.problems.is_empty();
        drop(inner);
        if is_last {
            self.post(Input::ComponentsStopped { is_clean });
        }
    }
}

impl Driver {
    /// Stops those that have started, together; says so at once where there are none.
    pub(super) fn stop_components(&self) -> Option<Input> {
        let lifecycle = self.lifecycle;
        let mut inner = lifecycle.components.lock();
        let started = mem::take(&mut inner.started);
        let Some(runtime) = lifecycle.runtime().filter(|_| !started.is_empty()) else {
            return Some(Input::ComponentsStopped { is_clean: true });
        };
        let began = lifecycle.now();
        // All of them first: whoever is done at once must not be taken for the last.
        inner.stopping.extend(started.iter().enumerate().map(|(id, started)| Stopping {
            id,
            planned: started.planned.clone(),
            began,
            task: None,
        }));
        drop(inner);
        for (id, Started { component, .. }) in started.into_iter().enumerate() {
            let mut ended = Ended { lifecycle, id, result: Err("its task was dropped".to_owned()) };
            let component = Foreign::new(component);
            let task = runtime.spawn(async move {
                if let Some(mut component) = component.into_inner() {
                    ended.result = contained(|| component.end()).await;
                    drop_contained(component);
                }
                drop(ended);
            });
            let mut inner = lifecycle.components.lock();
            if let Some(stopping) = inner.stopping.iter_mut().find(|stopping| stopping.id == id) {
                stopping.task = Some(task.abort_handle());
            }
        }
        None
    }
}

/// Tells how the stop of a component ended, when it is dropped.
struct Ended {
    lifecycle: &'static Lifecycle,
    id: usize,
    result: Result<(), String>,
}

impl Drop for Ended {
    fn drop(&mut self) {
        self.lifecycle.component_stopped(self.id, mem::replace(&mut self.result, Ok(())));
    }
}

/// What `make` makes, as an extension's own code; a panic is an error.
async fn contained<'c>(make: impl FnOnce() -> ComponentFuture<'c>) -> Result<(), String> {
    let mut make = Some(make);
    let mut future = None;
    poll_fn(|cx| {
        let poll = || {
            context::as_library(|| {
                if let Some(make) = make.take() {
                    future = Some(make());
                }
                let polled =
                    future.as_mut().map_or(Poll::Pending, |future| future.as_mut().poll(cx));
                // Here, as showing it is the extension's code as well.
                polled.map_err(|error| redact(&cut::with_causes(&*error)))
            })
        };
        match contain(poll) {
            Ok(Poll::Pending) => Poll::Pending,
            Ok(Poll::Ready(Ok(()))) => Poll::Ready(Ok(())),
            Ok(Poll::Ready(Err(error))) => Poll::Ready(Err(error)),
            Err(said) => Poll::Ready(Err(format!("it panicked: {said}"))),
        }
    })
    .await
}
