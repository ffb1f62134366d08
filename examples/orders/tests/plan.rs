//! The plan of the service, checked before it is deployed.

use lifecycle::{Plan, Platform};
use orders::hooks::{close_pool, flush_outbox, flush_telemetry};

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
fn every_hook_of_the_service_is_in_the_plan() {
    let plan = Plan::collect().unwrap();
    let names: Vec<_> = plan.hooks().iter().map(|hook| hook.name()).collect();
    assert_eq!(
        names,
        ["orders::hooks::flush_outbox", "orders::hooks::close_pool", "orders::hooks::flush_telemetry"]
    );
}
