//! Parts of a service that are there before main and after the last hook.

use std::{
    error::Error,
    fmt,
    pin::Pin,
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use super::Config;
use crate::{plan::PlannedComponent, text};

/// Why a component did not start, or did not stop as it should.
pub type ComponentError = Box<dyn Error + Send + Sync>;

/// A part of a service that is there from before main is first polled until after the last hook:
/// what answers probes, what an operator talks to. [`Config::component`] adds one.
///
/// It runs on the runtime of `run`, or on a thread that it brings. What it asks of milestones and
/// of the status while it starts and stops does not make main a listener; what it hands to tasks
/// and threads asks through a [`Handle`](crate::ext::Handle).
///
/// ```
/// use lifecycle_core::ext::{Component, ComponentError};
///
/// struct Health;
///
/// impl Component for Health {
///     fn name(&self) -> String {
///         "health".to_owned()
///     }
///
///     async fn start(&mut self) -> Result<(), ComponentError> {
///         Ok(())
///     }
///
///     async fn stop(&mut self) -> Result<(), ComponentError> {
///         Ok(())
///     }
/// }
/// # let _ = lifecycle_core::Config::new().component(Health);
/// ```
pub trait Component: Send + 'static {
    /// What it is called in the plan and in problems. Asked once, when it is added.
    fn name(&self) -> String;

    /// How long its stop may take. Components stop together, so the longest of them is what the
    /// budget counts. Asked once, when it is added. Default: 1 s.
    fn stop_timeout(&self) -> Duration {
        Duration::from_secs(1)
    }

    /// Completes when it is there. Components start one after the other, in the order in which they
    /// were added; main is polled when all are there. An error or a panic ends the process with 1:
    /// main is not polled, and those that have started are stopped. When a stop is asked for
    /// meanwhile, the future is dropped, and so is the component.
    fn start(&mut self) -> impl Future<Output = Result<(), ComponentError>> + Send;

    /// Ends it: after the last hook, and after what no hook took was dropped. Only what has started
    /// is stopped. An error, a panic, or a stop that takes too long (the future is dropped then) is
    /// a problem of the report, and the exit code 70.
    fn stop(&mut self) -> impl Future<Output = Result<(), ComponentError>> + Send;
}

impl Config {
    /// Adds a component, which starts before main and stops after the last hook. It belongs to the
    /// first `run` of this configuration or of a clone of it: another one ends with 1.
    pub fn component(mut self, component: impl Component) -> Self {
        self.components.0.push(Arc::new(ComponentSlot {
            planned: PlannedComponent::new(text::name(&component.name()), component.stop_timeout()),
            component: Mutex::new(Some(Box::new(component))),
        }));
        self
    }
}

#[cfg(feature = "testing")]
impl Config {
    pub(crate) fn without_components(self) -> Self {
        Self { components: Components::default(), ..self }
    }
}

/// The components of a configuration.
#[derive(Clone, Default)]
pub(crate) struct Components(Vec<Arc<ComponentSlot>>);

/// A component that waits for its `run`.
pub(crate) struct ComponentSlot {
    pub(crate) planned: PlannedComponent,
    component: Mutex<Option<Box<dyn BoxedComponent>>>,
}

impl Components {
    pub(crate) fn iter(&self) -> impl Iterator<Item = &ComponentSlot> {
        self.0.iter().map(|slot| &**slot)
    }

    pub(crate) fn planned(&self) -> Vec<PlannedComponent> {
        self.iter().map(|slot| slot.planned.clone()).collect()
    }
}

impl ComponentSlot {
    /// Given once.
    pub(crate) fn take(&self) -> Option<Box<dyn BoxedComponent>> {
        self.component.lock().unwrap_or_else(PoisonError::into_inner).take()
    }
}

impl fmt::Debug for Components {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list().entries(self.iter().map(|slot| &slot.planned)).finish()
    }
}

pub(crate) type ComponentFuture<'c> =
    Pin<Box<dyn Future<Output = Result<(), ComponentError>> + Send + 'c>>;

/// A [`Component`] of any type.
pub(crate) trait BoxedComponent: Send {
    fn begin(&mut self) -> ComponentFuture<'_>;
    fn end(&mut self) -> ComponentFuture<'_>;
}

impl<C: Component> BoxedComponent for C {
    fn begin(&mut self) -> ComponentFuture<'_> {
        Box::pin(self.start())
    }

    fn end(&mut self) -> ComponentFuture<'_> {
        Box::pin(self.stop())
    }
}
