//! A job under `run`, which ends by a code.

use std::process::ExitCode;

use lifecycle_truth_tests::{flag, say, serve, sleep};

use crate::listening;

/// Rows until it is told to stop.
pub(crate) fn job() -> ExitCode {
    serve(listening::config().job(true).run(async {
        say("up");
        while lifecycle::until_draining(sleep(20)).await.is_some() {
            if flag("ask") {
                lifecycle::shutdown("enough");
            }
        }
        if flag("completed") {
            lifecycle::completed();
        }
    }))
}

pub(crate) fn exit_code() -> ExitCode {
    serve(listening::config().job(true).run(async { ExitCode::from(3) }))
}

pub(crate) fn maybe_exit_code() -> ExitCode {
    serve(
        listening::config().job(true).run(async {
            if flag("fails") { Err("no such table") } else { Ok(ExitCode::from(4)) }
        }),
    )
}
