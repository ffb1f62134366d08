//! The runtimes.

use std::fmt;

use tokio::runtime::{Builder, Runtime};

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Flavour {
    CurrentThread,
    MultiThread1,
    MultiThread2,
    MultiThread4,
}

impl Flavour {
    pub(crate) const ALL: [Self; 4] =
        [Self::CurrentThread, Self::MultiThread1, Self::MultiThread2, Self::MultiThread4];

    pub(crate) fn find(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|flavour| flavour.to_string() == name)
    }

    /// How many threads run tasks.
    pub(crate) const fn workers(self) -> usize {
        match self {
            Self::CurrentThread | Self::MultiThread1 => 1,
            Self::MultiThread2 => 2,
            Self::MultiThread4 => 4,
        }
    }

    /// The runtime that `#[tokio::main]` builds.
    pub(crate) fn build(self) -> Runtime {
        let mut builder = match self {
            Self::CurrentThread => Builder::new_current_thread(),
            _ => Builder::new_multi_thread(),
        };
        if self != Self::CurrentThread {
            builder.worker_threads(self.workers());
        }
        builder.enable_all().build().expect("a runtime")
    }
}

impl fmt::Display for Flavour {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::CurrentThread => "current_thread",
            Self::MultiThread1 => "1 worker",
            Self::MultiThread2 => "2 workers",
            Self::MultiThread4 => "4 workers",
        })
    }
}
