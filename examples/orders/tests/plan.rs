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
        "k8s.yaml:40 LIFECYCLE_GRACE_PERIOD) and is killed after 5s (",
        "k8s.yaml:23 terminationGracePeriodSeconds)",
        "to make it fit: `terminationGracePeriodSeconds: 30` (",
    ] {
        assert!(unfit.contains(said), "{said}\n{unfit}");
    }
}

/// What the shipped binary answers: its code, and what it says.
fn check(variables: &[(&str, &str)]) -> (Option<i32>, String) {
    let mut orders = Command::new(env!("CARGO_BIN_EXE_orders"));
    orders.env("LIFECYCLE_PLAN", "check").envs(variables.iter().copied());
    // The tests' own, which the library would take for a slip of the pen.
    orders.env_remove("LIFECYCLE_E2E");
    // Where it would fail if it went as far as that.
    let done = orders.env("DATABASE_URL", "sqlite:///nowhere/orders.db").output().unwrap();
    let said = if done.status.success() { &done.stdout } else { &done.stderr };
    (done.status.code(), String::from_utf8_lossy(said).into_owned())
}

/// Each file fits as it is, and with one number changed it is red at that number's line. Some are
/// wrong as users get them wrong: a unit, a place, a shell.
#[test]
fn one_number_changed_in_a_deployed_file_is_red_at_its_line() {
    #[rustfmt::skip]
    let changes = [
        // The platform kills before the service is done.
        ("k8s.yaml", "Seconds: 30", "Seconds: 12", "killed after 12s"),
        ("compose.yaml", "stop_grace_period: 30s", "stop_grace_period: 8s", "killed after 8s"),
        ("task-definition.json", r#""stopTimeout": 30"#, r#""stopTimeout": 12"#, "killed after 12s"),
        ("orders.nomad.json", r#""kill_timeout": "30s""#, r#""kill_timeout": "8s""#, "killed after 8s"),
        // The service believes in more than there is.
        ("k8s.yaml", "PERIOD, value: 30s", "PERIOD, value: 300s", "takes 5m"),
        ("compose.yaml", "PERIOD: 30s", "PERIOD: 60s", "takes 1m"),
        ("task-definition.json", r#"PERIOD", "value": "30s""#, r#"PERIOD", "value": "60s""#, "takes 1m"),
        ("task-definition.json", r#"DELAY", "value": "5s""#, r#"DELAY", "value": "25s""#, "is missing"),
        ("orders.nomad.json", r#"PERIOD": "30s""#, r#"PERIOD": "60s""#, "takes 1m"),
        // No number, or not in force.
        ("compose.yaml", "stop_grace_period: 30s", "stop_grace_period: 30", "stop_grace_period"),
        ("k8s.yaml", "Seconds: 30", "Seconds: 30s", "terminationGracePeriodSeconds"),
        ("task-definition.json", r#""stopTimeout": 30"#, r#""stopTimeout": "30s""#, "stopTimeout"),
        ("task-definition.json", r#""stopTimeout": 30"#, r#""stopTimeout": 300"#, "120"),
        ("orders.nomad.json", r#""kill_timeout": "30s""#, r#""kill_timeout": "90s""#, "max_kill_timeout"),
        ("Dockerfile", "STOPSIGNAL SIGTERM", "STOPSIGNAL SIGUSR1", "SIGUSR1"),
        ("Dockerfile", r#"["/usr/local/bin/orders"]"#, "/usr/local/bin/orders", "exec"),
    ];
    for (name, number, changed, said) in changes {
        let folder = tempfile::tempdir().unwrap();
        for file in
            ["k8s.yaml", "compose.yaml", "task-definition.json", "orders.nomad.json", "Dockerfile"]
        {
            let from = format!("deploy/{file}");
            fs::copy(from, folder.path().join(file)).unwrap();
        }
        let path = |name: &str| folder.path().join(name).display().to_string();
        let deploys = if name == "Dockerfile" { "k8s.yaml" } else { name };
        let service = if deploys == "compose.yaml" { "#orders" } else { "" };
        let manifest = format!("{}{service},{}", path(deploys), path("Dockerfile"));
        let (code, answer) = check(&[("LIFECYCLE_MANIFEST", &manifest)]);
        assert_eq!(code, Some(0), "{name}: {answer}");
        let text = fs::read_to_string(path(name)).unwrap();
        let at = text.rfind(number).unwrap_or_else(|| panic!("{name} has no {number}"));
        let edited = text[..at].to_owned() + changed + &text[at + number.len()..];
        fs::write(path(name), edited).unwrap();
        let (code, answer) = check(&[("LIFECYCLE_MANIFEST", &manifest)]);
        assert_eq!(code, Some(78), "{name}, {changed}: {answer}");
        let line = format!("{}:{}", path(name), text[..at].matches('\n').count() + 1);
        assert!(answer.contains(&line), "{name}, {changed}: {line} is not named: {answer}");
        assert!(answer.contains(said), "{name}, {changed}: {answer}");
    }
}

#[test]
fn the_shipped_binary_says_whether_it_fits() {
    let manifest = |files| ("LIFECYCLE_MANIFEST", files);
    let (code, said) = check(&[manifest("deploy/k8s.yaml,deploy/Dockerfile")]);
    assert_eq!(code, Some(0), "{said}");
    assert!(
        said.contains("granted        30s  deploy/k8s.yaml:23 terminationGracePeriodSeconds"),
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
