#![doc = include_str!("../README.md")]

#[cfg(unix)]
mod heartbeat;
mod listener;
#[cfg(unix)]
mod manager;
#[cfg(unix)]
mod notifier;
#[cfg(unix)]
mod status;
#[cfg(unix)]
mod watchdog;

pub use self::listener::listener;
#[cfg(unix)]
pub use self::listener::unix_listener;

#[cfg(unix)]
mod linked {
    use lifecycle_core::ext::{OnRun, ServiceManager, register};

    use crate::{manager, notifier};

    register!(ServiceManager::new(manager::is_there, manager::extend));
    register!(OnRun::new(notifier::begin));
}
