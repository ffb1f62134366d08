//! Who is admitted while the service drains, through the attributes and a real `run` on a
//! multi-thread runtime. A process has one `run`, so this is one test.

use std::sync::Mutex;

use futures_util::{FutureExt, StreamExt, stream::FuturesUnordered};
use lifecycle::{Admission, Config, Plan, Refused, Signal, on_shutdown, tracked};
use tokio::sync::{mpsc, oneshot};

type Answer = Result<u32, Refused>;

static IN_HOOK: Mutex<Option<Answer>> = Mutex::new(None);

#[tracked]
async fn depth_1() -> Answer {
    tokio::task::yield_now().await;
    Ok(1)
}

#[tracked]
async fn depth_2() -> Answer {
    tokio::task::yield_now().await;
    Ok(1 + depth_1().await?)
}

#[tracked]
async fn depth_3() -> Answer {
    tokio::task::yield_now().await;
    Ok(1 + depth_2().await?)
}

#[tracked]
async fn depth_4() -> Answer {
    tokio::task::yield_now().await;
    Ok(1 + depth_3().await?)
}

#[tracked]
async fn depth_5() -> Answer {
    tokio::task::yield_now().await;
    Ok(1 + depth_4().await?)
}

#[tracked]
fn blocking() -> Answer {
    Ok(1)
}

#[tracked]
fn numbers() -> impl futures_core::Stream<Item = Answer> {
    futures_util::stream::unfold(0, |round| async move {
        (round < 2).then_some((depth_1().await, round + 1))
    })
    .boxed()
}

struct Job {
    admission: Option<Admission>,
    answer: oneshot::Sender<Answer>,
}

async fn actor(mut mailbox: mpsc::Receiver<Job>) {
    while let Some(job) = mailbox.recv().await {
        let answer = match job.admission {
            Some(admission) => admission.scope(depth_5()).await,
            None => depth_5().await,
        };
        let _ = job.answer.send(answer);
    }
}

/// Admitted before the drain; all it calls while draining is.
#[tracked]
async fn admitted_before(
    draining: lifecycle::milestone::Milestone,
    mailbox: mpsc::Sender<Job>,
) -> Result<(), Refused> {
    draining.await;
    assert_eq!(depth_5().await, Ok(5), "nested");
    assert_eq!(lifecycle::spawn(depth_5()).await.unwrap(), Ok(5), "lifecycle::spawn");
    assert_eq!(
        lifecycle::spawn_blocking(blocking).await.unwrap(),
        Ok(1),
        "lifecycle::spawn_blocking"
    );
    assert_eq!(tokio::task::block_in_place(blocking), Ok(1), "block_in_place");
    assert_eq!(
        ask(&mailbox, Admission::current()).await,
        Ok(5),
        "an actor that was given the admission"
    );
    assert!(ask(&mailbox, None).await.is_err(), "an actor that was not");
    assert!(tokio::spawn(depth_1()).await.unwrap().is_err(), "tokio::spawn carries nothing");
    let stream: Vec<_> = numbers().collect().await;
    assert_eq!(stream, [Ok(1), Ok(1)], "a stream, and what its body calls");
    let (a, b) = tokio::join!(depth_1(), depth_2());
    assert_eq!((a, b), (Ok(1), Ok(2)), "branches within the call");
    Ok(())
}

async fn ask(mailbox: &mpsc::Sender<Job>, admission: Option<Admission>) -> Answer {
    let (answer, received) = oneshot::channel();
    mailbox.send(Job { admission, answer }).await.unwrap();
    received.await.unwrap()
}

#[on_shutdown]
async fn hook() {
    let answer = depth_5().await;
    *IN_HOOK.lock().unwrap() = Some(answer);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_was_admitted_is_finished_with_all_it_calls_and_nothing_else_is_let_in() {
    let main = async {
        let (mailbox, jobs) = mpsc::channel(1);
        tokio::spawn(actor(jobs));
        // Polled once, so that it is admitted before the stop is asked for.
        let mut call = Box::pin(admitted_before(lifecycle::draining(), mailbox));
        assert!((&mut call).now_or_never().is_none());
        lifecycle::shutdown("test");
        lifecycle::draining().await;
        // Siblings of the admitted call, in this one task, are not part of it.
        let sibling = async {
            tokio::select! { biased; answer = depth_1() => answer, () = std::future::pending() => unreachable!() }
        };
        let (answer, joined) = tokio::join!(call, sibling);
        answer.unwrap();
        assert!(joined.is_err(), "a sibling in join! and select!");
        let mut fresh: FuturesUnordered<_> = [depth_1(), depth_1()].into_iter().collect();
        while let Some(answer) = fresh.next().await {
            assert!(answer.is_err(), "a sibling in FuturesUnordered");
        }
        assert!(numbers().next().await.unwrap().is_err(), "a fresh stream");
        assert!(blocking().is_err(), "a fresh call");
    };
    let plan = Plan::collect().unwrap().only::<(hook,)>();
    let report = Config::new().signals([] as [Signal; 0]).plan(plan).run(main).await;
    assert!(report.is_clean(), "{report}");
    assert_eq!(*IN_HOOK.lock().unwrap(), Some(Ok(5)), "what a hook calls");
    assert_eq!(report.drain().abandoned(), 0);
    assert!(depth_1().await.is_err(), "after the stop");
}
