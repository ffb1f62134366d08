//! Reads what a service is deployed by, for the feature `manifest` of `lifecycle-hooks`, which links this
//! crate; there is nothing to call here.
//!
//! `kind` tells what a file is; a module a kind finds in it the time that is granted, and what the library
//! is told. Whether a plan fits that is for the core.

mod choose;
mod command;
mod compose;
mod copilot;
mod dockerfile;
mod document;
mod duration;
mod ecs;
mod field;
mod input;
mod json;
mod kind;
mod kubernetes;
mod misplaced;
mod nomad;
mod place;
mod quadlet;
mod shell;
mod systemd;
#[cfg(test)]
mod tests;
mod yaml;

use lifecycle_core::ext::{ManifestReader, register};

register!(ManifestReader::new(kind::read));
