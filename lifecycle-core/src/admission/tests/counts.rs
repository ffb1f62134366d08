use std::time::Duration;

use tokio::time::{advance, sleep};

use super::*;
use crate::{
    SourceLocation,
    admission::enter,
    declare::site::{Drain, Policy},
};

#[tokio::test(start_paused = true)]
async fn each_end_is_counted_where_it_belongs() {
    let (gate, _in_use) = own_gate();
    let early = OUTER.admit().unwrap();
    let in_time = OUTER.admit().unwrap();
    advance(Duration::from_secs(3)).await;
    let late = OUTER.admit().unwrap();
    advance(Duration::from_secs(1)).await;
    let never = OUTER.admit().unwrap();
    let elsewhere = INNER.admit().unwrap();
    drop(early);
    gate.close();
    assert!(gate.is_closed());
    gate.close();
    drop((in_time, elsewhere));
    assert!(OUTER.admit().is_err());
    late.enter(|| drop(INNER.admit()));
    advance(Duration::from_secs(4)).await;
    gate.abandon();
    gate.abandon();
    assert!(OUTER.admit().is_err());
    late.enter(|| drop(OUTER.admit().expect("abandoned work keeps its admission")));
    drop(late);

    let report = gate.report();
    let [inner, outer] = &report[..] else { panic!("{report:?}") };
    assert_eq!((inner.name(), outer.name()), ("inner", "outer"));
    assert_eq!(outer.location(), OUTER.location());
    assert_eq!((inner.at_start(), inner.finished(), inner.abandoned()), (1, 2, 0));
    assert_eq!(inner.oldest_abandoned(), None);
    assert_eq!((outer.at_start(), outer.finished(), outer.refused()), (3, 1, 2));
    assert_eq!((outer.abandoned(), outer.finished_late(), outer.cancelled()), (2, 1, 0));
    assert_eq!(outer.oldest_abandoned(), Some(Duration::from_secs(5)));
    assert_eq!(gate.in_flight(), 1);
    drop(never);
    assert_eq!(gate.report()[1].finished_late(), 2);
    assert_eq!(gate.in_flight(), 0);
}

#[tokio::test(start_paused = true)]
async fn the_snapshot_names_sites_and_ages() {
    let (gate, _in_use) = own_gate();
    let _old = OUTER.admit().unwrap();
    sleep(Duration::from_secs(5)).await;
    let _young = OUTER.admit().unwrap();
    let _inner = INNER.admit().unwrap();
    let status = gate.snapshot();
    let seen: Vec<_> =
        status.iter().map(|site| (site.name(), site.in_flight(), site.oldest())).collect();
    assert_eq!(seen, [("inner", 1, Duration::ZERO), ("outer", 2, Duration::from_secs(5))]);
    assert_eq!(
        status[1].to_string(),
        format!("outer ({}): 2 in flight, the oldest for 5.0s", OUTER.location()),
    );
}

#[test]
fn nothing_to_tell_is_not_told() {
    let (gate, _in_use) = own_gate();
    drop(OUTER.admit());
    gate.abandon();
    assert!(!gate.is_closed());
    gate.close();
    assert_eq!(gate.report(), []);
    assert_eq!(gate.snapshot(), []);
}

#[test]
fn admit_always_is_never_refused() {
    static ALWAYS: Site = Site::declared(
        "always",
        SourceLocation::new("x.rs", 1),
        Policy { admit_always: true, drain: Drain::Finish },
    );
    let (gate, _in_use) = own_gate();
    gate.close();
    let entered = enter(&ALWAYS).expect("never refused");
    assert!(INNER.admit().is_ok(), "what it calls inherits");
    assert_eq!(gate.in_flight(), 1);
    drop(entered);
    assert_eq!(gate.in_flight(), 0);
    assert_eq!(gate.report()[1].finished(), 1);
}
