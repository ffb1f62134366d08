//! The keeper: a process between the service and a child. It is the parent of whatever the child
//! leaves behind (a *subreaper*, `prctl(2)`), so it can kill all of it and prove it gone: a process
//! that has no child left is told so by the kernel (`ECHILD`). When the service is gone, however it
//! ended, the keeper's socket ends, and the keeper kills the tree.
//!
//! It is this very program, started anew and caught before its main. The two talk in lines of text.

mod body;
mod client;
mod tree;

pub(crate) use self::client::{is_possible, start};

/// What makes a start of this program a keeper.
const MARK: &str = "LIFECYCLE_KEEPER";

/// What the kernel calls a keeper.
pub(crate) const NAME: &str = "lifecycle-keep";

/// Where the keeper finds its socket.
const SOCKET: i32 = 3;
