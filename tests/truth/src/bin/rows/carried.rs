//! Admission that is carried, and what bridges to other code.

use std::process::ExitCode;

use lifecycle_truth_tests::{say, serve, sleep};

use crate::listening::config;

mod inherit {
    use lifecycle::{Refused, tracked};
    use lifecycle_truth_tests::{say, sleep};

    #[tracked]
    async fn quote(of: u32) -> Result<u32, Refused> {
        sleep(20).await;
        Ok(of)
    }

    #[tracked]
    fn tax(of: u32) -> Result<u32, Refused> {
        Ok(of)
    }

    /// Asks three suppliers at once, and a thread, after the service has begun to drain.
    #[tracked]
    pub(super) async fn order() -> Result<u32, Refused> {
        say("up");
        lifecycle::draining().await;
        let mut quotes = tokio::task::JoinSet::new();
        for of in 1..=3 {
            quotes.spawn(lifecycle::inherit(quote(of)));
        }
        let tax = std::thread::spawn(lifecycle::inherit_fn(|| tax(4)));
        let mut sum = tax.join().unwrap_or_else(|_| panic!("the thread panicked"))?;
        while let Some(quote) = quotes.join_next().await {
            sum += quote.unwrap_or_else(|error| panic!("a quote was lost: {error}"))?;
        }
        Ok(sum)
    }

    /// What is carried where there is nothing to carry.
    pub(super) async fn outside() -> Result<u32, Refused> {
        lifecycle::inherit(quote(0)).await
    }
}

pub(crate) fn inherits() -> ExitCode {
    serve(config().run(async {
        let request = tokio::spawn(inherit::order());
        lifecycle::draining().await;
        say(format!("outside: {}", inherit::outside().await.is_err()));
        match request.await {
            Ok(Ok(sum)) => say(format!("order: {sum}")),
            lost => say(format!("order: {lost:?}")),
        }
    }))
}

static JOBS: lifecycle::Site = lifecycle::Site::new("jobs");

/// A receive that must not be dropped: the broker would deliver again, and late.
async fn receive(at: u32, takes: u64) -> u32 {
    say(format!("receiving {at}"));
    sleep(takes).await;
    say(format!("received {at}"));
    at
}

/// The receive under way has 1 s to end: the first takes less, `slow` more.
pub(crate) fn settles() -> ExitCode {
    let takes = if lifecycle_truth_tests::flag("slow") { 30_000 } else { 300 };
    serve(config().run(async move {
        let mut at = 1;
        let second = std::time::Duration::from_secs(1);
        while let Some((job, guard)) = JOBS.pull(receive(at, takes)).settle(second).await {
            guard.scope(sleep(50)).await;
            say(format!("handled {job}"));
            at += 1;
        }
    }))
}

pub(crate) fn tokens() -> ExitCode {
    let delay = std::time::Duration::from_millis(300);
    serve(config().shutdown_delay(delay).run(async {
        let (requested, draining) = (lifecycle::requested_token(), lifecycle::draining_token());
        lifecycle::ready();
        say("up");
        requested.cancelled().await;
        say(format!("requested, draining: {}", draining.is_cancelled()));
        draining.child_token().cancelled().await;
        say("last work");
        sleep(300).await;
        say("last work done");
    }))
}
