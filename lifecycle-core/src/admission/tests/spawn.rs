use tokio::sync::oneshot;

use super::*;
use crate::admission::{spawn, spawn_blocking};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn tasks_and_blocking_work_of_a_call_inherit() {
    let (gate, _in_use) = own_gate();
    let answers = closing(&gate, async {
        let task = spawn(async {
            yield_now().await;
            // A task of the task, too.
            spawn(nested(3)).await.unwrap()
        });
        let blocking = spawn_blocking(|| INNER.admit().map(drop));
        let plain = tokio::spawn(async { context::current().is_some() });
        (task.await.unwrap(), blocking.await.unwrap(), plain.await.unwrap())
    });
    assert_eq!(answers.await, Ok((Ok(3), Ok(()), false)));
    assert_eq!(gate.in_flight(), 0);
}

#[tokio::test]
async fn a_task_is_in_flight_at_its_callers_site_until_it_ends() {
    let (gate, _in_use) = own_gate();
    let (tell, go) = oneshot::channel();
    let task = OUTER.admit().unwrap().enter(|| spawn(told(go)));
    let (tell_too, go_too) = oneshot::channel();
    let wait = move || go_too.blocking_recv().unwrap();
    let blocking = OUTER.admit().unwrap().enter(|| spawn_blocking(wait));
    let status = gate.snapshot();
    assert_eq!((status.len(), status[0].name(), status[0].in_flight()), (1, "outer", 2));
    tell.send(()).unwrap();
    task.await.unwrap();
    assert_eq!(gate.in_flight(), 1);
    tell_too.send(()).unwrap();
    blocking.await.unwrap();
    assert_eq!(gate.in_flight(), 0);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn outside_a_call_only_the_gate_is_carried() {
    let (gate, _in_use) = own_gate();
    gate.close();
    assert!(spawn(nested(0)).await.unwrap().is_err());
    assert!(spawn_blocking(|| INNER.admit().is_err()).await.unwrap());
    assert_eq!(gate.report()[0].refused(), 2);
}

#[tokio::test]
async fn an_aborted_task_is_no_longer_in_flight() {
    let (gate, _in_use) = own_gate();
    let task = OUTER.admit().unwrap().enter(|| spawn(std::future::pending::<()>()));
    assert_eq!(gate.in_flight(), 1);
    task.abort();
    assert!(task.await.unwrap_err().is_cancelled());
    assert_eq!(gate.in_flight(), 0);
}
