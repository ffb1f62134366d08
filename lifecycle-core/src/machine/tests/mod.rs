//! Tests of the pure machine and the pure teardown, on a clock that jumps.
//!
//! `simulator` does what the driver does; `plans` makes plans; the rest asks one question a file.

mod budget;
mod components;
mod deadline;
mod escalation;
mod exit_codes;
mod extend;
#[cfg(feature = "systemd")]
mod extension;
mod guard;
mod late_reading;
mod main;
mod ordering;
mod plans;
mod proof;
mod resources;
mod simulator;
mod wakes;

use std::time::Duration;

use simulator::Simulator;

use crate::Platform;

/// What the teardown keeps for cancelling its last hook and for the report.
const ROOM: Duration = ms(150);

const PLATFORMS: [Platform; 7] = [
    Platform::Kubernetes,
    Platform::Ecs,
    Platform::Systemd,
    Platform::Nomad,
    Platform::CloudRun,
    Platform::Container,
    Platform::Unknown,
];

const fn ms(millis: u64) -> Duration {
    Duration::from_millis(millis)
}
