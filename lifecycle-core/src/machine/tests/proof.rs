//! What the numbers of a plan are worth: `worst_case` and `fits` against simulated stops.
//!
//! `made` makes plans as applications end up with them, `stop` simulates one and looks at what was cut.
//!
//! What ends at the very moment its time is up may be in time or not: a process has no order there. So
//! whatever uses all of its time here ends a nanosecond before, or is cancelled and goes at once.

mod fits;
mod made;
mod stop;
mod worst_case;
