//! Which pod this is, where the manifest says so by the downward API.

use std::env;

/// `POD_NAME`. The host's name is none: it is cut, and a pod may set its own.
pub(crate) fn name() -> Option<String> {
    variable("POD_NAME")
}

/// `POD_NAMESPACE`.
pub(crate) fn namespace() -> Option<String> {
    variable("POD_NAMESPACE")
}

fn variable(name: &str) -> Option<String> {
    env::var(name).ok().filter(|value| !value.is_empty())
}
