//! Services that use the library as it cannot be used.

use std::{
    pin::pin,
    process::ExitCode,
    task::{Context, Poll, Waker},
};

use crate::{
    hooks::note,
    kit::{config, multi_thread, only, say, tell},
};

/// Within a run, and after it.
pub(crate) fn run_twice() -> ExitCode {
    let runtime = multi_thread();
    let report = runtime.block_on(only::<note>().run(async {
        let inner = config().run(async { say("the inner main was polled") }).await;
        say(format!("inner: {}, {}", inner.exit_code(), inner.reason()));
    }));
    let second = runtime.block_on(config().run(async { say("the second main was polled") }));
    say(format!("second: {}, {}", second.exit_code(), second.reason()));
    tell(&report);
    std::process::Termination::report(report)
}

/// Under an executor that is not tokio's: it polls, and that is all it does.
pub(crate) fn no_runtime() -> ExitCode {
    let mut run = pin!(only::<note>().run(async { say("main was polled") }));
    match run.as_mut().poll(&mut Context::from_waker(Waker::noop())) {
        Poll::Ready(report) => {
            tell(&report);
            std::process::Termination::report(report)
        }
        Poll::Pending => {
            say("run waits for ever");
            ExitCode::SUCCESS
        }
    }
}
