//! A supervisor's stop on virtual time, with children that are played.

use std::time::Duration;

use lifecycle::{
    Config, Outcome, Platform, Report,
    process::{
        Command,
        testing::{Played, play},
    },
    testing::Scenario,
};

/// A proxy before a database, as a service starts them.
async fn serve() {
    let proxy = Command::new("proxy").stop_timeout(Duration::from_secs(2)).spawn();
    let proxy = proxy.unwrap_or_else(|error| panic!("{error}"));
    let database = Command::new("database").stop_timeout(Duration::from_secs(4)).after(&proxy);
    database.spawn().unwrap_or_else(|error| panic!("{error}"));
    lifecycle::draining().await;
}

async fn stop() -> Report {
    let config = Config::new().platform(Platform::Unknown).grace_period(Duration::from_secs(30));
    Scenario::new().only::<()>().config(config).main(serve()).shutdown("test").await
}

fn outcome<'a>(report: &'a Report, name: &str) -> &'a Outcome {
    report.hook(name).expect("a hook").outcome()
}

#[lifecycle::test]
async fn children_are_hooks_of_the_plan_in_their_order() {
    play("proxy", Played::new().takes(Duration::from_millis(700)));
    play("database", Played::new().takes(Duration::from_millis(1100)));
    let report = stop().await;
    assert!(report.is_clean(), "{report}");
    let total = report.total();
    assert!(
        total >= Duration::from_millis(1800) && total < Duration::from_millis(2000),
        "{report}"
    );
    let notes: Vec<_> = report.notes().iter().map(ToString::to_string).collect();
    assert!(notes[0].starts_with("proxy: pid 5"), "{notes:?}");
    assert!(notes[1].contains("ended by exit code 0 after SIGTERM in 1.1s"), "{notes:?}");
}

#[lifecycle::test]
async fn one_that_ignores_its_signal_takes_its_time_and_is_unclean() {
    play("proxy", Played::new().ignores());
    play("database", Played::new());
    let report = stop().await;
    let Outcome::Failed(why) = outcome(&report, "proxy") else { panic!("{report}") };
    assert!(why.contains("did not end by SIGTERM in 2.0s: killed proxy"), "{why}");
    assert_eq!(*outcome(&report, "database"), Outcome::Completed);
    assert!(report.total() >= Duration::from_secs(2), "{report}");
    assert_eq!(report.exit_code(), 70);
}

#[lifecycle::test]
async fn grandchildren_that_are_left_behind_are_killed_and_named() {
    play("proxy", Played::new().leaves(2));
    play("database", Played::new());
    let report = stop().await;
    let Outcome::Failed(why) = outcome(&report, "proxy") else { panic!("{report}") };
    assert!(why.contains("left processes behind: killed proxy"), "{why}");
}

#[lifecycle::test]
async fn one_that_cannot_be_killed_does_not_hold_the_others() {
    play("proxy", Played::new().stuck());
    play("database", Played::new().code(3));
    let report = stop().await;
    let Outcome::Failed(why) = outcome(&report, "proxy") else { panic!("{report}") };
    assert!(why.contains("was killed and is still there"), "{why}");
    let Outcome::Failed(why) = outcome(&report, "database") else { panic!("{report}") };
    assert!(why.contains("ended with exit code 3"), "{why}");
}

/// The budget knows of children: what is started counts.
#[lifecycle::test]
async fn the_times_of_children_are_in_the_budget() {
    play("slow", Played::new());
    let main = async {
        let command = Command::new("slow").stop_timeout(Duration::from_secs(20));
        command.spawn().unwrap_or_else(|error| panic!("{error}"));
        lifecycle::draining().await;
    };
    let config = Config::new().platform(Platform::Unknown).grace_period(Duration::from_secs(10));
    let report = Scenario::new().only::<()>().config(config).main(main).shutdown("test").await;
    // Less than it wants, as the whole stop has less.
    let hook = report.hook("slow").expect("a hook");
    assert!(hook.allotted() < Duration::from_secs(10), "{report}");
}
