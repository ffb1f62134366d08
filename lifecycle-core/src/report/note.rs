use std::fmt;

use serde::{Deserialize, Serialize};

/// What an extension knows of a stop beyond hooks and sites: how a child process ended, what a queue
/// was given back. See [`ext::note`](crate::ext::note).
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct Note {
    /// What it is about, as the reader knows it: the name of a child, of a queue.
    pub about: String,
    /// What is to be known of it. One line.
    pub text: String,
}

impl fmt::Display for Note {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.about, self.text)
    }
}
