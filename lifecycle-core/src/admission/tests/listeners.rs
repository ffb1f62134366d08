use std::thread;

use tokio::runtime::Builder;

use super::{observer::Observer, *};
use crate::{
    SourceLocation,
    admission::{
        context::{Interest, as_library, poll_as_main},
        enter, spawn,
    },
};

const HERE: SourceLocation = SourceLocation::new("a.rs", 1);
const THERE: SourceLocation = SourceLocation::new("b.rs", 2);

#[test]
fn who_has_asked_once_listens() {
    let (gate, _in_use) = own_gate();
    gate.listen(THERE, Interest::Other);
    gate.listen(HERE, Interest::Draining);
    gate.listen(THERE, Interest::Other);
    gate.close();
    assert_eq!(gate.listeners(), [HERE, THERE]);
    assert_eq!(gate.listeners_of_main(), []);
}

#[test]
fn only_who_waits_for_the_drain_is_ready() {
    let (gate, _in_use) = own_gate();
    let observer = Observer::of(&gate);
    gate.listen(HERE, Interest::Other);
    assert_eq!(observer.seen(), (0, 0));
    gate.listen(HERE, Interest::Draining);
    gate.listen(HERE, Interest::Draining);
    assert_eq!(observer.seen(), (0, 1));
    assert_eq!(Observer::of(&gate).seen(), (0, 1), "who comes late hears of it");
}

#[test]
fn what_main_asks_counts_inside_a_call_too() {
    let (gate, _in_use) = own_gate();
    gate.listen(HERE, Interest::Other);
    poll_as_main(|| {
        let _entered = enter(&OUTER).unwrap();
        gate.listen(HERE, Interest::Other);
        gate.listen(THERE, Interest::Draining);
    });
    assert_eq!(gate.listeners(), [HERE, THERE]);
    assert_eq!(gate.listeners_of_main(), [HERE, THERE], "though others had asked there before");
}

#[test]
fn what_another_task_asks_counts_outside_of_calls() {
    let (gate, _in_use) = own_gate();
    let observer = Observer::of(&gate);
    let runtime = Builder::new_current_thread().build().unwrap();
    let (inside, outside) = (Arc::clone(&gate), Arc::clone(&gate));
    runtime.block_on(async {
        let call = tracked(&OUTER, async move {
            inside.listen(HERE, Interest::Draining);
            spawn(async move { inside.listen(HERE, Interest::Other) }).await.unwrap();
            Ok(())
        });
        tokio::spawn(call).await.unwrap().unwrap();
        assert_eq!(gate.listeners(), []);
        assert_eq!(observer.seen(), (0, 1), "a call that waits for the drain says ready, as ever");
        let task = async move { outside.listen(THERE, Interest::Other) };
        tokio::spawn(task).await.unwrap();
    });
    assert_eq!(gate.listeners(), [THERE]);
    thread::scope(|scope| scope.spawn(|| gate.listen(HERE, Interest::Other)).join()).unwrap();
    assert_eq!(gate.listeners(), [HERE, THERE]);
    assert_eq!(gate.listeners_of_main(), []);
}

#[test]
fn a_hook_does_not_listen() {
    let (gate, _in_use) = own_gate();
    gate.hook_admission().enter(|| gate.listen(HERE, Interest::Other));
    assert_eq!(gate.listeners(), []);
}

#[test]
fn what_the_library_asks_counts_for_nothing() {
    let (gate, _in_use) = own_gate();
    let observer = Observer::of(&gate);
    as_library(|| {
        gate.listen(HERE, Interest::Draining);
        as_library(|| ());
        poll_as_main(|| gate.listen(HERE, Interest::Draining));
    });
    assert!(std::panic::catch_unwind(|| as_library(|| panic!("on purpose"))).is_err());
    assert_eq!(gate.listeners(), []);
    assert_eq!(observer.seen(), (0, 0));
    gate.listen(THERE, Interest::Draining);
    assert_eq!(gate.listeners(), [THERE]);
    assert_eq!(observer.seen(), (0, 1));
}

#[tokio::test]
async fn a_pull_in_a_call_says_ready_and_does_not_listen() {
    let (gate, _in_use) = own_gate();
    let observer = Observer::of(&gate);
    let pulled = tracked(&OUTER, async { Ok(INNER.pull(std::future::ready(7)).await.unwrap().0) });
    assert_eq!(pulled.await, Ok(7));
    assert_eq!((gate.listeners(), observer.seen()), (vec![], (0, 1)));
}
