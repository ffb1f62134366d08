//! Who stops the application.

mod hand_wired;
mod lifecycle;
mod tokio_graceful;
mod tokio_graceful_shutdown;
mod tokio_util;

use std::{fmt, process::ExitCode};

use crate::{app::App, flavour::Flavour};

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Peer {
    Lifecycle,
    TokioGracefulShutdown,
    TokioGraceful,
    HandWired,
    TokioUtil,
}

impl Peer {
    pub(crate) const ALL: [Self; 5] =
        [Self::Lifecycle, Self::TokioGracefulShutdown, Self::TokioGraceful, Self::HandWired, Self::TokioUtil];

    pub(crate) fn find(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|peer| peer.to_string() == name)
    }

    /// The body of the child's `main`.
    pub(crate) fn run(self, app: App, flavour: Flavour) -> ExitCode {
        match self {
            Self::Lifecycle => lifecycle::run(app, flavour),
            Self::TokioGracefulShutdown => tokio_graceful_shutdown::run(app, flavour),
            Self::TokioGraceful => tokio_graceful::run(app, flavour),
            Self::HandWired => hand_wired::run(app, flavour),
            Self::TokioUtil => tokio_util::run(app, flavour),
        }
    }
}

impl fmt::Display for Peer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::Lifecycle => "lifecycle",
            Self::TokioGracefulShutdown => "tokio-graceful-shutdown",
            Self::TokioGraceful => "tokio-graceful",
            Self::HandWired => "tokio by hand",
            Self::TokioUtil => "tokio-util",
        })
    }
}
