//! An extension: a port that answers with the state of the lifecycle, an observer that keeps what
//! it is told, and an answer to `LIFECYCLE_PLAN=names`.

mod answers;
mod begun;
mod port;
mod recorder;

pub use answers::names;
pub use begun::begun;
pub use port::{Port, ask};
pub use recorder::{Recorder, Told};
