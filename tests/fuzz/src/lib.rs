//! One body for each reader and each writer, on bytes of any origin: `fuzz/` has libFuzzer choose
//! them, the tests here take some by chance, always the same.
//!
//! The bytes choose what is changed in a document that is right. A body panics where the library
//! does, and where it contradicts itself.

mod choices;
mod durations;
mod json;
mod manifests;
mod plans;
mod reports;
mod settings;
#[cfg(test)]
mod tests;

/// Panics where it finds a fault.
pub type Body = fn(&[u8]);

/// Each by its name, which is that of its target.
pub const BODIES: [(&str, Body); 6] = [
    ("reports", reports::body),
    ("plans", plans::body),
    ("plan_diff", plans::diff),
    ("manifests", manifests::body),
    ("durations", durations::body),
    ("settings", settings::body),
];

/// Runs the body of this name.
///
/// # Panics
///
/// When there is none, and when a fault is found.
pub fn run(name: &str, bytes: &[u8]) {
    let body = BODIES.iter().find(|(known, _)| *known == name);
    body.unwrap_or_else(|| panic!("there is no body {name}")).1(bytes);
}
