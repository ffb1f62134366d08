use crate::{Platform, budget::Constraints, plan::Plan};

use super::support::*;

fn slow() -> Plan {
    plan([
        hook::<A>().timeout(20).name("orders::flush_outbox"),
        hook::<B>().after([id::<A>()]),
        hook::<C>().timeout(3),
    ])
}

#[test]
fn it_proves_line_by_line() {
    let fits = slow().timeout::<A>(seconds(2)).fits(Platform::Kubernetes).unwrap();
    assert_eq!(fits.spare(), Some(seconds(11)));
    assert_eq!(
        fits.to_string(),
        "the plan fits: it needs 19s of 30s, 11s to spare\n  \
         delay           5s  the default on Kubernetes\n  \
         drain           5s  assumed, no drain timeout is set\n  \
         hooks           7s  at worst, one after the other:\n        \
         2s  orders::flush_outbox  src/hooks.rs:1\n        \
         5s  b                     src/hooks.rs:2 (default timeout)\n  \
         margin          2s  the library's own\n  \
         needed         19s\n  \
         granted        30s  Kubernetes, terminationGracePeriodSeconds"
    );
}

#[test]
fn it_says_what_is_missing_and_what_to_change() {
    let error = slow().fits(Platform::Kubernetes).unwrap_err();
    assert_eq!(error.missing(), Some(seconds(7)));
    let text = format!("{error:?}");
    assert!(
        text.starts_with("the plan does not fit: it needs 37s, 30s is granted, 7s is missing\n"),
        "{text}"
    );
    assert!(
        text.ends_with(
            "to make it fit: a grace period of 37s or more (Kubernetes, terminationGracePeriodSeconds)\n  \
             or: `timeout = \"13s\"` at `orders::flush_outbox` (src/hooks.rs:1)"
        ),
        "{text}"
    );
    slow().timeout::<A>(seconds(13)).fits(Platform::Kubernetes).unwrap();
}

#[test]
fn each_advice_holds() {
    for (grace, timeout) in [(1, 1), (5, 3), (10, 5), (12, 9), (19, 13), (30, 24)] {
        let plan = || slow().timeout::<A>(seconds(timeout)).without::<B>();
        let Err(error) = plan().fits(seconds(grace)) else { panic!("{timeout}s fit {grace}s") };
        let text = error.to_string();
        let granted = text.split("a grace period of ").nth(1).unwrap().split(' ').next().unwrap();
        let granted = crate::values::duration::parse(granted).unwrap();
        plan().fits(granted).unwrap();
        plan().fits(granted - seconds(1)).expect_err("it is the least");
    }
}

#[test]
fn the_configuration_has_its_say() {
    let constraints =
        || Constraints::new(Some(seconds(20)), "code").with_drain_timeout(Some(seconds(1)), "code");
    assert_eq!(plan([hook::<A>()]).fits(constraints()).unwrap().spare(), Some(seconds(12)));
    let error = plan([hook::<A>()]).fits(constraints().with_hook_timeout(seconds(18))).unwrap_err();
    assert_eq!(error.missing(), Some(seconds(1)));
    assert!(
        error
            .to_string()
            .ends_with("or: `timeout = \"17s\"` at `a` (src/hooks.rs:1), which takes the default"),
        "{error}"
    );
    let late = plan([hook::<A>()]).fits(constraints().with_delay(seconds(13), "code")).unwrap_err();
    assert!(
        late.to_string().contains("a shutdown delay of 12s (`LIFECYCLE_SHUTDOWN_DELAY`)"),
        "{late}"
    );
}

#[test]
fn without_a_grace_period_all_plans_fit() {
    let fits = slow().fits(Constraints::new(None, "job")).unwrap();
    assert_eq!(fits.spare(), None);
    assert!(
        fits.to_string().starts_with("the plan fits: it needs 30s, and there is no grace period\n"),
        "{fits}"
    );
}

#[test]
fn of_an_invalid_plan_nothing_can_be_said() {
    let error = slow().edge::<B, A>().fits(seconds(1000)).unwrap_err();
    assert_eq!(error.missing(), None);
    let text = error.to_string();
    assert!(text.contains("cannot be said: the shutdown plan is invalid: hooks wait"), "{text}");
    assert!(std::error::Error::source(&error).is_some());
}

#[test]
fn it_fits_to_the_last_second() {
    // 5 s for the drain, 25 s for the hooks, 2 s of margin.
    slow().fits(seconds(32)).unwrap();
    assert_eq!(slow().fits(seconds(31)).unwrap_err().missing(), Some(seconds(1)));
}

#[test]
fn one_timeout_is_advised_only_where_it_is_enough() {
    let beside = slow().timeout::<C>(seconds(25)).fits(seconds(30)).unwrap_err();
    assert!(
        beside.to_string().contains("shorter timeouts of several hooks, such as `c`"),
        "{beside}"
    );
    let alone = slow().timeout::<C>(seconds(23)).fits(seconds(30)).unwrap_err();
    assert!(alone.to_string().contains("`timeout = \"18s\"` at `orders::flush_outbox`"), "{alone}");
    slow().timeout::<A>(seconds(18)).timeout::<C>(seconds(23)).fits(seconds(30)).unwrap();
}
