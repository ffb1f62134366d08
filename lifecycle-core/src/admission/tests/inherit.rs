use std::{sync::mpsc, thread};

use futures_util::{StreamExt, future::join, stream::FuturesUnordered};
use tokio::{
    runtime::{Builder, Handle},
    sync::oneshot,
    task::{block_in_place, yield_now},
};

use super::*;
use crate::admission::{Admission, enter, inherit, inherit_fn};

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn nested_calls_are_admitted_at_any_depth() {
    let (gate, _in_use) = own_gate();
    let mut calls = Vec::new();
    let mut go = Vec::new();
    for _ in 0..50 {
        let (started, wait) = oneshot::channel();
        let (tell, told_to_go) = oneshot::channel();
        calls.push(super::super::spawn(tracked(&OUTER, async move {
            started.send(()).expect("the test waits");
            told(told_to_go).await;
            nested(5).await
        })));
        go.push(tell);
        told(wait).await;
    }
    assert_eq!(gate.in_flight(), 50);
    gate.close();
    for tell in go {
        tell.send(()).expect("the call waits");
    }
    for call in calls {
        assert_eq!(call.await.unwrap(), Ok(5));
    }
    assert_eq!(gate.in_flight(), 0);
    assert!(nested(0).await.is_err_and(|refused| !refused.ran() && refused.site() == "inner"));
}

#[tokio::test]
async fn siblings_in_one_task_do_not_inherit() {
    let (gate, _in_use) = own_gate();
    let (tell, go) = oneshot::channel();
    let (tell_too, go_too) = oneshot::channel();
    let admitted = tracked(&OUTER, async {
        told(go).await;
        let within = nested(1).await;
        told(go_too).await;
        within
    });
    let siblings = async {
        while gate.in_flight() == 0 {
            yield_now().await;
        }
        gate.close();
        tell.send(()).unwrap();
        let joined = join(nested(0), async { nested(0).await }).await;
        let unordered: FuturesUnordered<_> = (0..3).map(nested).collect();
        let unordered: Vec<_> = unordered.collect().await;
        let selected = tokio::select! { answer = nested(0) => answer };
        tell_too.send(()).unwrap();
        (joined, unordered, selected)
    };
    let (admitted, (joined, unordered, selected)) = tokio::join!(admitted, siblings);
    assert_eq!(admitted, Ok(1));
    assert!(joined.0.is_err() && joined.1.is_err() && selected.is_err());
    assert!(unordered.iter().all(Result::is_err));
    assert_eq!(gate.in_flight(), 0);
    assert_eq!(gate.report().iter().map(|site| site.refused()).sum::<usize>(), 6);
}

#[tokio::test]
async fn branches_within_a_call_inherit() {
    let (gate, _in_use) = own_gate();
    let answers = closing(&gate, async {
        let joined = tokio::join!(nested(1), nested(2));
        let unordered: FuturesUnordered<_> = (0..3).map(nested).collect();
        (joined, unordered.collect::<Vec<_>>().await)
    });
    let (joined, unordered) = answers.await.unwrap();
    assert_eq!(joined, (Ok(1), Ok(2)));
    assert!(unordered.iter().all(Result::is_ok));
    assert_eq!(gate.in_flight(), 0);
}

#[test]
fn sync_calls_inherit_and_may_be_left_in_any_order() {
    let (gate, _in_use) = own_gate();
    let first = enter(&OUTER).unwrap();
    let second = enter(&INNER).unwrap();
    gate.close();
    drop(first);
    assert!(gate.snapshot().iter().all(|site| site.name() == "inner"), "the second goes on");
    let third = enter(&OUTER).expect("part of the second");
    drop(second);
    let fourth = enter(&INNER).expect("part of the third");
    assert_eq!(gate.in_flight(), 2);
    drop((third, fourth));
    assert!(enter(&OUTER).is_err());
    assert_eq!(gate.in_flight(), 0);
}

#[test]
fn a_guard_counts_and_only_its_scopes_inherit() {
    let (gate, _in_use) = own_gate();
    let runtime = Builder::new_current_thread().build().unwrap();
    let guard = OUTER.admit().unwrap();
    gate.close();
    assert!(INNER.admit().is_err());
    guard.enter(|| drop(INNER.admit().expect("within the guard")));
    assert_eq!(runtime.block_on(guard.scope(nested(2))), Ok(2));
    let scope = guard.scope(nested(1));
    drop(guard);
    assert_eq!(gate.in_flight(), 1);
    assert_eq!(runtime.block_on(scope), Ok(1));
    assert_eq!(gate.in_flight(), 0);
}

#[test]
fn a_forgotten_guard_leaves_a_call_in_flight_and_nothing_else() {
    let (gate, _in_use) = own_gate();
    std::mem::forget(OUTER.admit().unwrap());
    gate.close();
    assert_eq!(gate.in_flight(), 1);
    assert!(INNER.admit().is_err());
    assert!(Admission::current().is_none());
}

#[tokio::test]
async fn an_admission_carries_a_call_to_an_actor_and_a_thread() {
    let (gate, _in_use) = own_gate();
    let (mailbox, mut letters) =
        tokio::sync::mpsc::channel::<(Admission, oneshot::Sender<Answer>)>(8);
    let actor = tokio::spawn(async move {
        while let Some((admission, reply)) = letters.recv().await {
            assert!(Admission::current().is_none());
            reply.send(admission.scope(nested(3)).await).expect("the caller waits");
        }
        nested(0).await
    });
    let answers = closing(&gate, async {
        let (reply, answer) = oneshot::channel();
        mailbox.send((Admission::current().unwrap(), reply)).await.unwrap();
        let by_actor = answer.await.unwrap();
        let admission = Admission::current().unwrap();
        let by_thread =
            thread::spawn(move || admission.enter(|| INNER.admit().is_ok())).join().unwrap();
        (by_actor, by_thread)
    });
    assert_eq!(answers.await, Ok((Ok(3), true)));
    drop(mailbox);
    assert!(actor.await.unwrap().is_err(), "the actor's own call is a fresh one");
    assert_eq!(gate.in_flight(), 0);
}

#[test]
fn a_call_is_in_flight_while_its_admission_lives() {
    let (gate, _in_use) = own_gate();
    let guard = OUTER.admit().unwrap();
    let admission = guard.enter(Admission::current).unwrap();
    let clone = admission.clone();
    drop((guard, admission));
    assert_eq!(gate.in_flight(), 1);
    drop(clone);
    assert_eq!(gate.in_flight(), 0);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_nested_block_on_inherits() {
    let (gate, _in_use) = own_gate();
    let task_gate = Arc::clone(&gate);
    let call = super::super::spawn(async move {
        closing(&task_gate, async {
            let same = block_in_place(|| Handle::current().block_on(nested(2)));
            let other = block_in_place(|| {
                Builder::new_current_thread().build().unwrap().block_on(async {
                    yield_now().await;
                    nested(2).await
                })
            });
            (same, other)
        })
        .await
    });
    assert_eq!(call.await.unwrap(), Ok((Ok(2), Ok(2))));
    assert_eq!(gate.in_flight(), 0);
}

#[test]
fn an_unrelated_task_of_a_nested_runtime_does_not_inherit() {
    let (gate, _in_use) = own_gate();
    let runtime = Builder::new_current_thread().build().unwrap();
    let unrelated = runtime.spawn(nested(0));
    let entered = enter(&OUTER).unwrap();
    gate.close();
    // The call runs outside any task, what it polls here is a task.
    let (unrelated, own) = runtime.block_on(async { (unrelated.await.unwrap(), nested(1).await) });
    assert!(unrelated.is_err());
    assert_eq!(own, Ok(1));
    drop(entered);
    assert_eq!(gate.in_flight(), 0);
}

#[test]
fn a_task_of_a_runtime_nested_in_another_task_does_not_inherit() {
    let (gate, _in_use) = own_gate();
    let nested_runtime = Builder::new_current_thread().build().unwrap();
    let unrelated = nested_runtime.spawn(nested(0));
    let (other, (tell, told)) = (Arc::clone(&gate), mpsc::channel());
    let task = async move {
        let work = async { block_in_place(|| nested_runtime.block_on(unrelated).unwrap()) };
        tell.send(closing(&other, work).await).unwrap();
        block_in_place(|| drop(nested_runtime));
    };
    let outer = Builder::new_multi_thread().worker_threads(1).build().unwrap();
    outer.block_on(async { super::super::spawn(task).await }).unwrap();
    let answer = told.recv().unwrap().expect("the outer call was admitted");
    assert!(answer.is_err_and(|refused| !refused.ran()));
    assert_eq!(gate.in_flight(), 0);
}

#[test]
fn what_a_hook_calls_is_admitted_and_counted() {
    let (gate, _in_use) = own_gate();
    gate.close();
    let hook = gate.hook_admission();
    assert_eq!(gate.in_flight(), 0);
    let guard = hook.enter(|| INNER.admit()).expect("a hook's call");
    assert_eq!(gate.in_flight(), 1);
    drop(guard);
    gate.abandon();
    assert!(hook.enter(|| INNER.admit()).is_ok());
    assert!(INNER.admit().is_err());
}

#[test]
fn without_a_gate_of_its_own_a_thread_uses_the_process() {
    static ALONE: Site = Site::new("alone");
    let guard = ALONE.admit().unwrap();
    assert_eq!(Gate::process().snapshot().iter().filter(|site| site.name() == "alone").count(), 1);
    drop(guard);
    let (gate, in_use) = own_gate();
    let guard = ALONE.admit().unwrap();
    assert_eq!(gate.in_flight(), 1);
    drop(in_use);
    assert!(Gate::process().snapshot().iter().all(|site| site.name() != "alone"));
    drop(guard);
    assert_eq!(gate.in_flight(), 0);
}

#[tokio::test]
async fn work_that_something_else_makes_takes_the_admission_along() {
    let (gate, _in_use) = own_gate();
    let answers = closing(&gate, async {
        let mut tasks = tokio::task::JoinSet::new();
        tasks.spawn(inherit(nested(3)));
        let with = tasks.join_next().await.unwrap().unwrap();
        tasks.spawn(nested(3));
        let without = tasks.join_next().await.unwrap().unwrap();
        let thread = thread::spawn(inherit_fn(|| INNER.admit().map(drop)));
        (with, without.is_err(), thread.join().unwrap())
    });
    assert_eq!(answers.await, Ok((Ok(3), true, Ok(()))));
    assert_eq!(gate.in_flight(), 0);
}

#[tokio::test]
async fn a_call_is_in_flight_while_what_inherited_from_it_runs() {
    let (gate, _in_use) = own_gate();
    let guard = OUTER.admit().unwrap();
    let (future, closure) = guard.enter(|| (inherit(nested(1)), inherit_fn(|| INNER.admit())));
    drop(guard);
    gate.close();
    assert_eq!(gate.snapshot()[0].in_flight(), 1, "one call, however much inherits from it");
    assert_eq!(tokio::spawn(future).await.unwrap(), Ok(1));
    assert_eq!(gate.in_flight(), 1);
    assert!(closure().is_ok());
    assert_eq!(gate.in_flight(), 0);
}

#[tokio::test]
async fn outside_a_call_there_is_nothing_to_inherit() {
    let (gate, _in_use) = own_gate();
    gate.close();
    assert!(inherit(nested(0)).await.is_err());
    let refused = thread::spawn(inherit_fn(|| INNER.admit().is_err())).join().unwrap();
    assert!(refused, "by the gate of the thread that made it");
    assert_eq!(gate.report()[0].refused(), 2);
}
