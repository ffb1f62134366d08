use std::{
    sync::atomic::{AtomicUsize, Ordering},
    time::Duration,
};

use futures_util::FutureExt;
use tokio::time::{Instant, advance, sleep};

use super::{observer::Observer, *};
use crate::{
    SourceLocation,
    admission::{Admission, Cancellable},
    declare::site::{Drain, Policy},
};

static AT_ONCE: Site = cancelled_after("at once", Duration::ZERO);
static LATER: Site = cancelled_after("later", Duration::from_secs(10));

const fn cancelled_after(name: &'static str, after: Duration) -> Site {
    let policy = Policy { admit_always: false, drain: Drain::CancelAfter(after) };
    Site::declared(name, SourceLocation::new("x.rs", 1), policy)
}

fn cancellable<T>(
    site: &'static Site,
    body: impl Future<Output = Result<T, Refused>>,
) -> impl Future<Output = Result<T, Refused>> {
    Cancellable::new(site, Err, tracked(site, body))
}

struct CountAdmitted<'t>(&'t AtomicUsize);

impl Drop for CountAdmitted<'_> {
    fn drop(&mut self) {
        if INNER.admit().is_ok() && Admission::current().is_some() {
            self.0.fetch_add(1, Ordering::Relaxed);
        }
    }
}

#[tokio::test(start_paused = true)]
async fn calls_are_dropped_when_draining_begins() {
    let (gate, _in_use) = own_gate();
    let admitted = AtomicUsize::new(0);
    let call = cancellable(&AT_ONCE, async {
        let _count = CountAdmitted(&admitted);
        sleep(Duration::from_secs(3600)).await;
        Ok(())
    });
    let closer = async {
        sleep(Duration::from_secs(2)).await;
        assert_eq!(gate.in_flight(), 1);
        gate.close();
        Instant::now()
    };
    let (answer, closed_at) = tokio::join!(call, closer);
    let refused = answer.unwrap_err();
    assert!(refused.ran());
    assert_eq!(refused.site(), "at once");
    assert_eq!(Instant::now(), closed_at);
    assert_eq!(admitted.load(Ordering::Relaxed), 1, "its destructors are part of the call");
    assert_eq!(gate.in_flight(), 0);
    gate.abandon();
    let report = gate.report();
    assert_eq!((report[0].name(), report[0].at_start(), report[0].cancelled()), ("at once", 1, 1));
    assert_eq!((report[0].finished(), report[0].abandoned()), (0, 0));
}

#[tokio::test(start_paused = true)]
async fn a_delay_counts_from_the_begin_of_the_drain() {
    let (gate, _in_use) = own_gate();
    let start = Instant::now();
    let quick = cancellable(&LATER, async {
        sleep(Duration::from_secs(11)).await;
        Ok(7)
    });
    let slow = async {
        let call = cancellable(&LATER, async {
            sleep(Duration::from_secs(13)).await;
            Ok(())
        });
        (call.await, start.elapsed())
    };
    let closer = async {
        sleep(Duration::from_secs(2)).await;
        gate.close();
        sleep(Duration::from_secs(11)).await;
        gate.abandon();
    };
    let (quick, slow, ()) = tokio::join!(quick, slow, closer);
    assert_eq!(quick, Ok(7));
    assert!(slow.0.unwrap_err().ran());
    assert_eq!(slow.1, Duration::from_secs(12));
    assert_eq!(gate.report()[0].abandoned(), 0, "it is not the drain's to finish");
    assert_eq!(gate.in_flight(), 0);
}

#[tokio::test(start_paused = true)]
async fn a_delay_has_begun_though_nobody_polled() {
    let (gate, _in_use) = own_gate();
    let mut call = Box::pin(cancellable(&LATER, std::future::pending::<Answer>()));
    assert!(futures_util::poll!(&mut call).is_pending());
    gate.close();
    let closed_at = Instant::now();
    advance(Duration::from_secs(4)).await;
    assert!(call.await.unwrap_err().ran());
    assert_eq!(closed_at.elapsed(), Duration::from_secs(10));
}

#[tokio::test(start_paused = true)]
async fn what_never_ran_says_so() {
    let (gate, _in_use) = own_gate();
    gate.close();
    let answer: Answer = cancellable(&AT_ONCE, async { panic!("not polled") }).await;
    assert!(!answer.unwrap_err().ran());
    assert_eq!((gate.report()[0].refused(), gate.report()[0].cancelled()), (1, 0));
}

#[tokio::test(start_paused = true)]
async fn an_inherited_call_is_finished() {
    let (gate, _in_use) = own_gate();
    let answer = closing(&gate, async {
        cancellable(&AT_ONCE, async {
            sleep(Duration::from_secs(5)).await;
            Ok(7)
        })
        .await
    });
    assert_eq!(answer.await, Ok(Ok(7)));
    assert_eq!(gate.report()[0].cancelled(), 0);
    assert_eq!(gate.in_flight(), 0);
}

#[tokio::test(start_paused = true)]
async fn an_inherited_call_that_is_left_is_abandoned() {
    let (gate, _in_use) = own_gate();
    let guard = OUTER.admit().unwrap();
    gate.close();
    let inherited = guard.enter(|| AT_ONCE.admit()).unwrap();
    gate.abandon();
    let report = gate.report();
    assert_eq!((report[0].name(), report[0].abandoned()), ("at once", 1));
    drop(inherited);
}

#[tokio::test(start_paused = true)]
async fn track_knows_the_policy() {
    let (gate, _in_use) = own_gate();
    let (cancelled, finished, ()) = tokio::join!(
        AT_ONCE.track(sleep(Duration::from_secs(5))),
        OUTER.track(sleep(Duration::from_secs(5))),
        async { gate.close() },
    );
    assert!(cancelled.unwrap_err().ran());
    assert_eq!(finished, Ok(()));
    assert!(OUTER.track(sleep(Duration::ZERO)).await.is_err_and(|refused| !refused.ran()));
    assert_eq!(gate.in_flight(), 0);
}

#[tokio::test(start_paused = true)]
async fn a_call_of_main_that_is_cancelled_is_noted() {
    let (gate, _in_use) = own_gate();
    let mut call = Box::pin(cancellable(&AT_ONCE, async {
        sleep(Duration::from_secs(3600)).await;
        Ok(())
    }));
    let main = std::future::poll_fn(|cx| context::poll_as_main(|| call.as_mut().poll(cx)));
    let (answer, ()) = tokio::join!(main, async { gate.close() });
    assert!(answer.unwrap_err().ran());
    assert!(gate.main_was_refused());
}

#[tokio::test(start_paused = true)]
async fn a_drain_that_ends_sooner_cancels_what_is_left() {
    let (gate, _in_use) = own_gate();
    let observer = Observer::of(&gate);
    let start = Instant::now();
    let call = async {
        let call = cancellable(&LATER, std::future::pending::<Answer>());
        (call.await, start.elapsed())
    };
    let driver = async {
        gate.close();
        sleep(Duration::from_secs(3)).await;
        assert_eq!((gate.cancelling(), observer.nothing_to_cancel()), (0, 0));
        gate.abandon();
        assert_eq!((gate.cancelling(), observer.nothing_to_cancel()), (1, 0));
    };
    let ((answer, after), ()) = tokio::join!(call, driver);
    assert!(answer.unwrap_err().ran());
    assert_eq!(after, Duration::from_secs(3), "not the ten that the site grants");
    assert_eq!((gate.cancelling(), observer.nothing_to_cancel()), (0, 1));
    gate.give_up_cancelling();
    let report = &gate.report()[0];
    assert_eq!((report.admitted(), report.cancelled(), report.abandoned()), (1, 1, 0));
    assert!(report.is_clean());
}

#[tokio::test(start_paused = true)]
async fn a_call_that_is_polled_first_after_the_drain_is_cancelled() {
    let (gate, _in_use) = own_gate();
    let mut call = Box::pin(cancellable(&LATER, std::future::pending::<Answer>()));
    assert!(futures_util::poll!(&mut call).is_pending());
    gate.close();
    gate.abandon();
    let refused = call.now_or_never().expect("it is over at once");
    assert!(refused.unwrap_err().ran());
    assert_eq!(gate.report()[0].cancelled(), 1);
}

#[tokio::test(start_paused = true)]
async fn what_finishes_while_the_rest_is_cancelled_is_finished() {
    let (gate, _in_use) = own_gate();
    let (tell, go) = oneshot::channel();
    let call = cancellable(&LATER, async {
        told(go).await;
        Ok(7)
    });
    let driver = async {
        gate.close();
        tell.send(()).unwrap();
        gate.abandon();
    };
    let (answer, ()) = tokio::join!(call, driver);
    assert_eq!(answer, Ok(7));
    assert_eq!((gate.report()[0].finished(), gate.report()[0].cancelled()), (1, 0));
}

#[tokio::test(start_paused = true)]
async fn what_cannot_be_cancelled_is_abandoned() {
    let (gate, _in_use) = own_gate();
    let mut call = Box::pin(cancellable(&LATER, std::future::pending::<Answer>()));
    assert!(futures_util::poll!(&mut call).is_pending());
    gate.close();
    advance(Duration::from_secs(2)).await;
    gate.abandon();
    assert_eq!(gate.report()[0].abandoned(), 0, "it may be cancelled still");
    gate.give_up_cancelling();
    let report = gate.report();
    assert_eq!((report[0].abandoned(), report[0].lost()), (1, 1));
    assert_eq!(report[0].oldest_abandoned(), Some(Duration::from_secs(2)));
    assert!(call.await.unwrap_err().ran());
    assert_eq!(gate.report(), report, "too late to change how it ended");
}
