use std::time::Duration;

use crate::{Config, Platform, budget::Constraints, declare::HookId, plan::Plan};

use super::support::*;

fn slow() -> Plan {
    plan([
        hook::<A>().timeout(20).name("orders::flush_outbox"),
        hook::<B>().after([id::<A>()]),
        hook::<C>().timeout(3),
    ])
}

/// The same, with every timeout written.
fn written() -> Plan {
    slow().timeout::<B>(seconds(5))
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
         reserve         0s  hooks registered at run time are not included\n  \
         margin          2s  the library's own\n  \
         needed         19s\n  \
         granted        30s  Kubernetes, terminationGracePeriodSeconds"
    );
}

#[test]
fn it_says_what_is_missing_and_what_to_change() {
    let error = written().fits(Platform::Kubernetes).unwrap_err();
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
    written().timeout::<A>(seconds(13)).fits(Platform::Kubernetes).unwrap();
}

/// Progress cannot be proved, so what is granted is what counts.
#[cfg(feature = "systemd")]
#[test]
fn an_extension_is_shown_and_proves_nothing() {
    let row =
        "\n  extended        2m  at most, while the stop makes progress (Config::extend_up_to)";
    let config = Config::new().grace_period(seconds(40)).extend_up_to(seconds(120));
    let fits = written().fits(&config).unwrap();
    assert_eq!(fits.spare(), Some(seconds(8)));
    assert!(fits.to_string().ends_with(&format!("granted        40s  code{row}")), "{fits}");
    let unfit = written().fits(&config.clone().grace_period(seconds(20))).unwrap_err();
    assert_eq!(unfit.missing(), Some(seconds(12)));
    assert!(unfit.to_string().contains(row), "{unfit}");
    let more = written().fits(&config.grace_period(seconds(120))).unwrap();
    assert!(!more.to_string().contains("extended"), "{more}");
}

#[test]
fn each_advice_holds() {
    for (grace, timeout) in [(1, 1), (5, 4), (10, 7), (12, 9), (19, 13), (30, 24)] {
        let plan = || written().timeout::<A>(seconds(timeout)).without::<B>();
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
    let error =
        plan([hook::<A>()]).fits(constraints().with_hook_timeout(Some(seconds(18)))).unwrap_err();
    assert_eq!(error.missing(), Some(seconds(1)));
    assert!(
        error
            .to_string()
            .ends_with("or: `timeout = \"17s\"` at `a` (src/hooks.rs:1), which takes the default"),
        "{error}"
    );
    let late = plan([hook::<A>().timeout(5)])
        .fits(constraints().with_delay(seconds(13), "code"))
        .unwrap_err();
    assert!(
        late.to_string().contains("a shutdown delay of 12s (`LIFECYCLE_SHUTDOWN_DELAY`)"),
        "{late}"
    );
}

#[test]
fn without_a_grace_period_all_plans_fit() {
    let fits = written().fits(Constraints::new(None, "job")).unwrap();
    assert_eq!(fits.spare(), None);
    assert!(
        fits.to_string().starts_with("the plan fits: it needs 30s, and there is no grace period\n"),
        "{fits}"
    );
}

#[test]
fn of_an_invalid_plan_nothing_can_be_said() {
    let error = written().edge::<B, A>().fits(seconds(1000)).unwrap_err();
    assert_eq!(error.missing(), None);
    let text = error.to_string();
    assert!(text.contains("cannot be said: the shutdown plan is invalid: hooks wait"), "{text}");
    assert!(std::error::Error::source(&error).is_some());
}

#[test]
fn it_fits_to_the_last_second() {
    // 5 s for the drain, 25 s for the hooks, 2 s of margin.
    written().fits(seconds(32)).unwrap();
    assert_eq!(written().fits(seconds(31)).unwrap_err().missing(), Some(seconds(1)));
}

#[test]
fn one_timeout_is_advised_only_where_it_is_enough() {
    let beside = written().timeout::<C>(seconds(25)).fits(seconds(30)).unwrap_err();
    assert!(
        beside.to_string().contains("shorter timeouts of several hooks, such as `c`"),
        "{beside}"
    );
    let alone = written().timeout::<C>(seconds(23)).fits(seconds(30)).unwrap_err();
    assert!(alone.to_string().contains("`timeout = \"18s\"` at `orders::flush_outbox`"), "{alone}");
    written().timeout::<A>(seconds(18)).timeout::<C>(seconds(23)).fits(seconds(30)).unwrap();
}

#[test]
fn one_hook_with_nothing_written_fits_every_platform() {
    for platform in [
        Platform::Kubernetes,
        Platform::Ecs,
        Platform::Systemd,
        Platform::Nomad,
        Platform::CloudRun,
        Platform::Container,
        Platform::Unknown,
    ] {
        plan([hook::<A>()]).fits(platform).unwrap();
    }
}

/// Nomad: 4.5 s, of which the drain counts for a quarter, and cancelling for 150 ms.
#[test]
fn what_nobody_wrote_shares_what_the_rest_of_its_chain_leaves() {
    let fits = plan([hook::<A>()]).fits(Platform::Nomad).unwrap();
    let text = fits.to_string();
    assert!(text.contains("drain       1.125s  a quarter of what there is"), "{text}");
    assert!(text.contains("3.225s  a  src/hooks.rs:1 (default timeout, its share)"), "{text}");
    assert_eq!(fits.spare(), Some(Duration::from_millis(150)));

    let chain =
        [hook::<A>(), hook::<B>().after([id::<A>()]).timeout(1), hook::<C>().after([id::<B>()])];
    let text = plan(chain).fits(Platform::Nomad).unwrap().to_string();
    for line in ["1.112s  a", "1s  b", "1.112s  c"] {
        assert!(text.contains(line), "{line}: {text}");
    }
}

#[test]
fn a_share_of_less_than_half_a_second_is_none() {
    let hooks = |count| {
        let chained = (0..count).map(|n: usize| {
            numbered(n).after(n.checked_sub(1).map(|n| HookId::Registered(n as u64)))
        });
        plan(chained)
    };
    hooks(6).fits(Platform::Nomad).unwrap();
    let error = hooks(7).fits(Platform::Nomad).unwrap_err();
    let text = error.to_string();
    assert!(text.contains("500ms  hook00"), "{text}");
    // 3.5 s of hooks, and a third of that for the drain.
    assert!(text.contains("a grace period of 6s or more"), "{text}");
    hooks(7).fits(seconds(6)).unwrap();
    hooks(7).fits(seconds(5)).unwrap_err();
}

#[test]
fn a_timeout_that_the_configuration_writes_counts_in_full() {
    let written = Config::new().platform(Platform::Nomad).hook_timeout(seconds(5));
    plan([hook::<A>()]).fits(&written).unwrap_err();
    plan([hook::<A>()]).fits(&Config::new().platform(Platform::Nomad)).unwrap();
}

#[test]
fn the_reserve_counts_for_hooks_of_run_time_until_they_are_there() {
    let config = |reserve| {
        Config::new().grace_period(seconds(30)).drain_timeout(seconds(8)).reserve(seconds(reserve))
    };
    let declared = [hook::<A>().timeout(17)];
    let fits = plan(declared.clone()).fits(&config(3)).unwrap();
    assert_eq!(fits.spare(), Some(seconds(0)));
    let text = fits.to_string();
    assert!(text.contains("reserve         3s  for hooks registered at run time"), "{text}");
    assert_eq!(plan(declared.clone()).fits(&config(4)).unwrap_err().missing(), Some(seconds(1)));

    let registered = numbered(1).timeout(2).before([id::<A>()]);
    let both = || plan([declared[0].clone(), registered.clone()]);
    assert_eq!(both().fits(&config(3)).unwrap().spare(), Some(seconds(0)));
    assert_eq!(both().fits(&config(2)).unwrap().spare(), Some(seconds(1)));
    assert_eq!(both().fits(&config(0)).unwrap().spare(), Some(seconds(1)));
}

#[test]
fn it_says_that_hooks_of_run_time_are_not_included() {
    for text in [
        written().fits(seconds(60)).unwrap().to_string(),
        written().fits(seconds(5)).unwrap_err().to_string(),
    ] {
        assert!(text.contains("hooks registered at run time are not included"), "{text}");
    }
}

/// A drain that nobody limited takes less where the hooks do.
#[test]
fn a_shorter_timeout_is_advised_no_shorter_than_it_has_to_be() {
    let hooks = |millis| {
        let mut spec = hook::<A>();
        spec.timeout = Some(Duration::from_millis(millis));
        plan([spec])
    };
    let error = hooks(5_000).fits(Platform::Nomad).unwrap_err();
    assert!(error.to_string().contains("`timeout = \"3.375s\"` at `a`"), "{error}");
    hooks(3_375).fits(Platform::Nomad).unwrap();
    hooks(3_376).fits(Platform::Nomad).unwrap_err();
}
