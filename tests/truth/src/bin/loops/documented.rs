//! The loops that stand in README and docs, as they stand there.

#![allow(clippy::all, unused, reason = "written by the documentation")]

use std::time::Duration;

use lifecycle::{Refused, Site, State, *};
use tokio::select;

use crate::rounds::{
    JOBS, JOBS as SITE, Queue, acknowledge, clean_up, next, process, process as handle, work,
};

include!(concat!(env!("OUT_DIR"), "/loops.rs"));
