//! The loops that stand in README and docs, as they stand there.

#![allow(
    clippy::all,
    clippy::pedantic,
    unused,
    unused_qualifications,
    reason = "the documentation is written for its readers"
)]

use std::{error::Error, time::Duration};

use lifecycle::{Refused, Site, State, *};
use tokio::{select, task::JoinSet};

use crate::rounds::{
    JOBS, JOBS as SITE, Listener, Queue, answer, clean_up, next, process, process as copy,
    process as handle, rows, work,
};

include!(concat!(env!("OUT_DIR"), "/loops.rs"));
