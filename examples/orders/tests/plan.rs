//! The plan of the service, checked before it is deployed.

use std::{fs, process::Command};

use lifecycle::{Plan, Platform, testing};
use orders::hooks::{close_pool, flush_outbox, flush_telemetry};

#[test]
fn the_picture_in_the_documentation_is_of_this_plan() {
    let drawn = fs::read_to_string("../../docs/pictures/orders-plan.svg").unwrap();
    let plan = Plan::collect().unwrap();
    assert!(drawn.trim_end() == plan.to_svg().trim_end(), "draw it anew: docs/pictures/make.sh");
}

/// A change of the stop is seen in review:
/// `LIFECYCLE_GOLDEN=write cargo test -p orders --test plan` accepts it.
#[test]
fn the_stop_is_as_reviewed() {
    testing::assert_golden(&Plan::collect().unwrap(), "tests/plan.json");
}

#[test]
fn the_plan_fits_kubernetes() {
    let plan = Plan::collect().unwrap();
    assert!(plan.runs_before::<flush_outbox, close_pool>());
    assert!(plan.runs_before::<close_pool, flush_telemetry>());
    plan.fits(Platform::Kubernetes).unwrap();
}

#[test]
fn the_plan_fits_a_container_with_nothing_above_it() {
    Plan::collect().unwrap().fits(Platform::Container).unwrap();
}

#[test]
fn the_plan_fits_what_is_deployed() {
    let plan = Plan::collect().unwrap();
    plan.fits_manifest("deploy/k8s.yaml").unwrap();
    plan.fits_manifest("deploy/orders.service").unwrap();
    plan.fits_manifest("deploy/compose.yaml#orders").unwrap();
    plan.fits_manifest("deploy/task-definition.json").unwrap();
    plan.fits_manifest("deploy/orders.nomad.json").unwrap();
}

#[test]
fn a_grace_period_of_five_seconds_is_too_short() {
    let dir = tempfile::tempdir().unwrap();
    let cut = dir.path().join("k8s.yaml");
    let text = fs::read_to_string("deploy/k8s.yaml").unwrap();
    fs::write(&cut, text.replace("GracePeriodSeconds: 30", "GracePeriodSeconds: 5")).unwrap();
    let unfit = Plan::collect().unwrap().fits_manifest(&cut).unwrap_err().to_string();
    for said in [
        "the plan does not fit: it needs 10.166s, 5s is granted, 5.166s is missing",
        "k8s.yaml:35 LIFECYCLE_GRACE_PERIOD) and is killed after 5s (",
        "k8s.yaml:22 terminationGracePeriodSeconds)",
        "to make it fit: `terminationGracePeriodSeconds: 30` (",
    ] {
        assert!(unfit.contains(said), "{said}\n{unfit}");
    }
}

#[test]
fn the_shipped_binary_says_whether_it_fits() {
    let check = |manifest: &str| {
        let orders = env!("CARGO_BIN_EXE_orders");
        let mut orders = Command::new(orders);
        orders.env("LIFECYCLE_PLAN", "check").env("LIFECYCLE_MANIFEST", manifest);
        // Where it would fail if it went as far as that.
        orders.env("DATABASE_URL", "sqlite:///nowhere/orders.db").output().unwrap()
    };
    let fits = check("deploy/k8s.yaml");
    assert_eq!(fits.status.code(), Some(0), "{fits:?}");
    let said = String::from_utf8(fits.stdout).unwrap();
    assert!(
        said.contains("granted        30s  deploy/k8s.yaml:22 terminationGracePeriodSeconds"),
        "{said}"
    );
    let unknown = check("deploy/Dockerfile");
    assert_eq!(unknown.status.code(), Some(78), "{unknown:?}");
    let said = String::from_utf8(unknown.stderr).unwrap();
    assert!(
        said.starts_with("lifecycle: deploy/Dockerfile: this is neither YAML nor JSON"),
        "{said}"
    );
}

#[test]
fn every_hook_of_the_service_is_in_the_plan() {
    let plan = Plan::collect().unwrap();
    let names: Vec<_> = plan.hooks().iter().map(|hook| hook.name()).collect();
    assert_eq!(
        names,
        [
            "orders::hooks::flush_outbox",
            "orders::hooks::close_pool",
            "orders::hooks::flush_telemetry"
        ]
    );
}
