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
    plan.fits_manifest("deploy/k8s.yaml,deploy/Dockerfile").unwrap();
    plan.fits_manifest("deploy/orders.service").unwrap();
    plan.fits_manifest("deploy/compose.yaml#orders,deploy/Dockerfile").unwrap();
    plan.fits_manifest("deploy/task-definition.json,deploy/Dockerfile").unwrap();
    plan.fits_manifest("deploy/orders.nomad.json,deploy/Dockerfile").unwrap();
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
        "k8s.yaml:36 LIFECYCLE_GRACE_PERIOD) and is killed after 5s (",
        "k8s.yaml:22 terminationGracePeriodSeconds)",
        "to make it fit: `terminationGracePeriodSeconds: 30` (",
    ] {
        assert!(unfit.contains(said), "{said}\n{unfit}");
    }
}

#[test]
fn the_shipped_binary_says_whether_it_fits() {
    let check = |variables: &[(&str, &str)]| {
        let mut orders = Command::new(env!("CARGO_BIN_EXE_orders"));
        orders.env("LIFECYCLE_PLAN", "check").envs(variables.iter().copied());
        // The tests' own, which the library would take for a slip of the pen.
        orders.env_remove("LIFECYCLE_E2E");
        // Where it would fail if it went as far as that.
        let done = orders.env("DATABASE_URL", "sqlite:///nowhere/orders.db").output().unwrap();
        let said = if done.status.success() { &done.stdout } else { &done.stderr };
        (done.status.code(), String::from_utf8_lossy(said).into_owned())
    };
    let manifest = |files| ("LIFECYCLE_MANIFEST", files);
    let (code, said) = check(&[manifest("deploy/k8s.yaml,deploy/Dockerfile")]);
    assert_eq!(code, Some(0), "{said}");
    assert!(
        said.contains("granted        30s  deploy/k8s.yaml:22 terminationGracePeriodSeconds"),
        "{said}"
    );
    let (code, said) = check(&[manifest("deploy/Dockerfile")]);
    assert_eq!(code, Some(78), "{said}");
    assert!(
        said.starts_with(
            "lifecycle: deploy/Dockerfile: a Dockerfile does not say how long the service has"
        ),
        "{said}"
    );
    // What no file says is told by variables, and nothing is said of code to who has none.
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("k8s.yaml");
    let text = fs::read_to_string("deploy/k8s.yaml").unwrap();
    let hook = "          lifecycle: { preStop: { httpGet: { path: /stop, port: http } } }\n          env:\n";
    fs::write(
        &path,
        text.replacen("          env:\n", hook, 1).replace("Seconds: 30", "Seconds: 45"),
    )
    .unwrap();
    let (code, said) = check(&[manifest(path.to_str().unwrap())]);
    assert_eq!(code, Some(78), "{said}");
    assert!(said.contains("say it with `LIFECYCLE_MANIFEST_PRE_STOP=10s`"), "{said}");
    assert!(!said.contains("::pre_stop"), "{said}");
    let told = ("LIFECYCLE_MANIFEST_PRE_STOP", "15s");
    let (code, said) = check(&[manifest(path.to_str().unwrap()), told]);
    assert_eq!(code, Some(0), "{said}");
    assert!(said.contains("terminationGracePeriodSeconds, 15s of it before the signal"), "{said}");
    let nomad = folder.path().join("orders.nomad.json");
    let text = fs::read_to_string("deploy/orders.nomad.json").unwrap();
    fs::write(&nomad, text.replace("\"30s\"", "\"45s\"")).unwrap();
    let (code, said) = check(&[manifest(nomad.to_str().unwrap())]);
    assert_eq!(code, Some(78), "{said}");
    assert!(
        said.contains("say what the clients grant with `LIFECYCLE_MANIFEST_MAX_KILL_TIMEOUT=1m`"),
        "{said}"
    );
    let told = ("LIFECYCLE_MANIFEST_MAX_KILL_TIMEOUT", "1m");
    let (code, said) = check(&[manifest(nomad.to_str().unwrap()), told]);
    assert_eq!(code, Some(0), "{said}");
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
