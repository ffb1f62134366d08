//! Plans held against manifests: the account, the verdict, and what to change.

use std::time::Duration;

use lifecycle_core::{Config, FitError, Fits, Platform, testing::samples::plan_of};

use super::{hold, hook, parsed, plan};

fn held_by(config: &Config, name: &str, text: &str) -> Result<Fits, FitError> {
    hold(parsed(name, text)?, config, &plan())
}

fn held(text: &str) -> Result<Fits, FitError> {
    held_by(&Config::new(), "k8s.yaml", text)
}

/// A pod that grants `grace` seconds, with these variables in its `env`.
fn pod(grace: u64, variables: &[(&str, &str)]) -> String {
    let env: String = variables
        .iter()
        .map(|(name, value)| format!("\n        - {{ name: {name}, value: {value} }}"))
        .collect();
    let env = if env.is_empty() { " []".to_owned() } else { env };
    format!(
        "kind: Pod\nspec:\n  terminationGracePeriodSeconds: {grace}\n  containers:\n    - name: orders\n      env:{env}\n      image: a\n"
    )
}

#[test]
fn the_account_names_file_line_and_field() {
    let variables = [
        ("LIFECYCLE_GRACE_PERIOD", "30s"),
        ("LIFECYCLE_SHUTDOWN_DELAY", "4s"),
        ("LIFECYCLE_DRAIN_TIMEOUT", "9s"),
        ("LIFECYCLE_HOOK_TIMEOUT", "3s"),
        ("LIFECYCLE_HOOK_TIMEOUT__FLUSH", "1s"),
    ];
    let fits = held(&pod(30, &variables)).unwrap();
    assert_eq!(fits.spare(), Some(Duration::from_secs(11)));
    assert_eq!(
        fits.to_string(),
        "the plan fits: it needs 19s of 30s, 11s to spare\n  \
         delay           4s  k8s.yaml:8 LIFECYCLE_SHUTDOWN_DELAY\n  \
         drain           9s  k8s.yaml:9 LIFECYCLE_DRAIN_TIMEOUT\n  \
         hooks           4s  at worst, one after the other:\n        \
         1s  orders::flush  src/hooks.rs:1\n        \
         3s  orders::close  src/hooks.rs:2 (default timeout)\n  \
         reserve         0s  further hooks registered at run time are not included\n  \
         margin          2s  the library's own\n  \
         needed         19s\n  \
         granted        30s  k8s.yaml:3 terminationGracePeriodSeconds"
    );
}

#[test]
fn who_takes_more_than_is_granted_is_killed() {
    let error = held(&pod(20, &[])).unwrap_err();
    assert_eq!(error.missing(), Some(Duration::from_secs(10)));
    says(
        &error,
        "the plan does not fit: the service takes 30s (the default on Kubernetes) and is killed after 20s \
         (k8s.yaml:3 terminationGracePeriodSeconds)",
        "`LIFECYCLE_GRACE_PERIOD=20s` (env of `orders`, k8s.yaml:5)\n  \
         or: `terminationGracePeriodSeconds: 30` (k8s.yaml:3)",
    );
    held(&pod(20, &[("LIFECYCLE_GRACE_PERIOD", "20s")])).unwrap();

    let error = held(&pod(30, &[("LIFECYCLE_GRACE_PERIOD", "none")])).unwrap_err();
    says(
        &error,
        "the plan does not fit: the service knows no limit (k8s.yaml:7 LIFECYCLE_GRACE_PERIOD) and is killed \
         after 30s (k8s.yaml:3 terminationGracePeriodSeconds)",
        "`LIFECYCLE_GRACE_PERIOD=30s` (k8s.yaml:7)",
    );

    let code = Config::new().grace_period(Duration::from_secs(40));
    let text = "services:\n  orders:\n    stop_grace_period: 35s\n    image: a\n";
    says(
        &held_by(&code, "compose.yaml", text).unwrap_err(),
        "the plan does not fit: the service takes 40s (code) and is killed after 35s (compose.yaml:3 \
         stop_grace_period)",
        "`LIFECYCLE_GRACE_PERIOD=35s` (environment of `orders`, compose.yaml:3)\n  \
         or: `stop_grace_period: 40s` (compose.yaml:3)",
    );
}

#[test]
fn a_grace_period_cut_to_five_seconds() {
    let error = held(&pod(5, &[("LIFECYCLE_GRACE_PERIOD", "30s")])).unwrap_err();
    assert_eq!(error.missing(), Some(Duration::from_secs(25)));
    says(
        &error,
        "the plan does not fit: it needs 8.833s, 5s is granted, 3.833s is missing\n\
         and the service takes 30s (k8s.yaml:7 LIFECYCLE_GRACE_PERIOD) and is killed after 5s (k8s.yaml:3 \
         terminationGracePeriodSeconds)",
        "`terminationGracePeriodSeconds: 30` (k8s.yaml:3)\n  \
         or: `LIFECYCLE_GRACE_PERIOD=5s` (k8s.yaml:7) and shorter timeouts of several hooks, such as \
         `orders::flush` (src/hooks.rs:1)\n  \
         or: `LIFECYCLE_GRACE_PERIOD=5s` (k8s.yaml:7) and a shutdown delay of 1.166s \
         (`LIFECYCLE_SHUTDOWN_DELAY`)",
    );
}

#[test]
fn both_numbers_have_to_grow() {
    let variables = [("LIFECYCLE_GRACE_PERIOD", "30s"), ("LIFECYCLE_HOOK_TIMEOUT__CLOSE", "24s")];
    let error = held(&pod(30, &variables)).unwrap_err();
    assert_eq!(error.missing(), Some(Duration::from_secs(8)));
    says(
        &error,
        "the plan does not fit: it needs 38s, 30s is granted, 8s is missing",
        "`terminationGracePeriodSeconds: 38` (k8s.yaml:3) and `LIFECYCLE_GRACE_PERIOD=38s` (k8s.yaml:7)\n  \
         or: `timeout = \"16s\"` at `orders::close` (src/hooks.rs:2)",
    );
    let job = r#"{"Job": {"TaskGroups": [{"Tasks": [{"Name": "orders"}]}]}}"#;
    says(
        &held_by(&Config::new().hook_timeout(Duration::from_secs(5)), "job.json", job).unwrap_err(),
        "the plan does not fit: it needs 9.833s, 5s is granted, 4.833s is missing",
        "`\"KillTimeout\": 11000000000` (job.json:1) and `LIFECYCLE_GRACE_PERIOD=11s` (Env of `orders`, \
         job.json:1)\n  \
         or: `timeout = \"1.375s\"` at `orders::close` (src/hooks.rs:2), which takes the default",
    );
}

#[test]
fn nothing_is_advised_that_the_platform_refuses() {
    let config = Config::new().hook_timeout(Duration::from_secs(130));
    let text = r#"{"requiresCompatibilities": ["FARGATE"], "containerDefinitions": [{"name": "orders", "image": "a"}]}"#;
    says(
        &held_by(&config, "task.json", text).unwrap_err(),
        "the plan does not fit: it needs 2m19s, 30s is granted, 1m49s is missing",
        "`timeout = \"21s\"` at `orders::close` (src/hooks.rs:2), which takes the default",
    );
}

#[test]
fn what_pre_stop_takes_is_not_there_for_the_service() {
    let text = |grace, taken| {
        pod(grace, &[("LIFECYCLE_GRACE_PERIOD", taken)])
            .replace("env:", "lifecycle: { preStop: { sleep: { seconds: 15 } } }\n      env:")
    };
    let error = held(&text(45, "45s")).unwrap_err();
    says(
        &error,
        "the plan does not fit: the service takes 45s (k8s.yaml:8 LIFECYCLE_GRACE_PERIOD) and is killed 30s \
         after the signal (k8s.yaml:3 terminationGracePeriodSeconds)",
        "`LIFECYCLE_GRACE_PERIOD=30s` (k8s.yaml:8)\n  \
         or: `terminationGracePeriodSeconds: 60` (k8s.yaml:3)",
    );
    let granted = "\n  granted        45s  k8s.yaml:3 terminationGracePeriodSeconds, 15s of it before the signal\n\
                   note: preStop takes 15s, and then the shutdown delay keeps the service open for 5s more: \
                   `LIFECYCLE_SHUTDOWN_DELAY=0s` (env of `orders`, k8s.yaml:5) if once is enough";
    assert!(error.to_string().contains(granted), "{error}");
    let fits = held(&text(45, "30s")).unwrap();
    assert!(fits.to_string().ends_with(granted), "{fits}");
    let job = held_by(&Config::new().job(true), "k8s.yaml", &text(45, "30s")).unwrap();
    assert!(!job.to_string().contains("note:"), "{job}");
}

#[test]
fn what_is_granted_and_not_taken_is_noted() {
    let fits = held(&pod(60, &[("LIFECYCLE_GRACE_PERIOD", "25s")])).unwrap();
    assert_eq!(fits.spare(), Some(Duration::from_millis(6_500)));
    assert!(
        fits.to_string().ends_with(
            "\n  taken          25s  k8s.yaml:7 LIFECYCLE_GRACE_PERIOD\n  \
             granted         1m  k8s.yaml:3 terminationGracePeriodSeconds\n\
             note: the service takes 25s (k8s.yaml:7 LIFECYCLE_GRACE_PERIOD) of 1m: \
             `LIFECYCLE_GRACE_PERIOD=1m` (k8s.yaml:7) lets it use them"
        ),
        "{fits}"
    );
    let error = held(&pod(60, &[("LIFECYCLE_GRACE_PERIOD", "9s")])).unwrap_err();
    assert!(
        error
            .to_string()
            .contains("\nto make it fit: `LIFECYCLE_GRACE_PERIOD=10s` (k8s.yaml:7)\n  or:"),
        "{error}"
    );
    let systemd = Config::new().platform(Platform::Systemd);
    let endless =
        held_by(&systemd, "orders.service", "[Service]\nTimeoutStopSec=infinity\nExecStart=/a\n")
            .unwrap();
    assert!(
        endless.to_string().ends_with(
            "\nnote: nobody kills the service: it ends by itself after 1m30s (the default on systemd), \
             `LIFECYCLE_GRACE_PERIOD=none` (Environment= of [Service], orders.service:2) lets it take its time"
        ),
        "{endless}"
    );
}

#[test]
fn systemd_may_not_be_recognised() {
    let unit = |lines: &str| format!("[Service]\nExecStart=/orders\n{lines}");
    let hook_of = |seconds| Config::new().hook_timeout(Duration::from_secs(seconds));
    let note = |less: &str, all: &str| {
        format!(
            "\nnote: systemd says that it is there from version 248 on, and only to what it starts itself; without \
             that the service takes {less} and not 1m30s: `Environment=LIFECYCLE_GRACE_PERIOD={all}` \
             (Environment= of [Service], orders.service:2) settles it"
        )
    };
    let fits = held_by(&hook_of(21), "orders.service", &unit("TimeoutStopSec=90\n")).unwrap();
    assert_eq!(fits.spare(), Some(Duration::ZERO));
    let granted = |all: &str| {
        format!(
            "\n  taken          30s  assumed, where the platform is not recognised\n  \
             granted     {all:>6}  orders.service:3 TimeoutStopSec"
        )
    };
    let expected = format!("{}{}", granted("1m30s"), note("30s", "1m30s"));
    assert!(fits.to_string().ends_with(&expected), "{fits}");
    let endless =
        held_by(&hook_of(21), "orders.service", &unit("TimeoutStopSec=infinity\n")).unwrap();
    assert!(
        endless.to_string().ends_with(&format!("{}{}", granted("no end"), note("30s", "none"))),
        "{endless}"
    );

    let error = held_by(&hook_of(22), "orders.service", &unit("TimeoutStopSec=90\n")).unwrap_err();
    says(
        &error,
        "the plan does not fit: it needs 31s, 30s is granted, 1s is missing",
        "`LIFECYCLE_GRACE_PERIOD=1m30s` (Environment= of [Service], orders.service:2)\n  \
         or: `timeout = \"21s\"` at `orders::close` (src/hooks.rs:2), which takes the default\n  \
         or: a drain timeout of 4s (`LIFECYCLE_DRAIN_TIMEOUT`)",
    );
    let error = held_by(&hook_of(10), "orders.service", &unit("TimeoutStopSec=60\n")).unwrap_err();
    assert!(
        error.to_string().starts_with("the plan does not fit: the service takes 1m30s "),
        "{error}"
    );

    let told = unit("TimeoutStopSec=90\nEnvironment=LIFECYCLE_GRACE_PERIOD=90s\n");
    for (config, text) in [
        (hook_of(22), told),
        (hook_of(22).grace_period(Duration::from_secs(90)), unit("TimeoutStopSec=90\n")),
        (hook_of(22).platform(Platform::Systemd), unit("TimeoutStopSec=90\n")),
    ] {
        let fits = held_by(&config, "orders.service", &text).unwrap();
        assert_eq!(fits.spare(), Some(Duration::from_secs(59)));
        assert!(!fits.to_string().contains("note:"), "{fits}");
    }
}

#[test]
fn doubtful_variables_are_noted() {
    let variables = [
        ("LIFECYCLE_GRACE_PERIOD", "30s"),
        ("LIFECYCLE_GRACE_PERIODE", "3s"),
        ("LIFECYCLE_HOOK_TIMEOUT__NOBODY", "3s"),
    ];
    let fits = held(&pod(30, &variables)).unwrap().to_string();
    let notes: Vec<_> = fits.lines().filter(|line| line.starts_with("note: ")).collect();
    assert_eq!(
        notes,
        [
            "note: k8s.yaml:8: LIFECYCLE_GRACE_PERIODE is not a variable of lifecycle; did you mean \
             LIFECYCLE_GRACE_PERIOD?",
            "note: k8s.yaml:9: LIFECYCLE_HOOK_TIMEOUT__NOBODY: no hook of that name is in the plan yet; if \
             none is registered later, correct the name or leave it out",
        ]
    );
}

#[test]
fn a_variable_for_several_hooks_is_an_error() {
    let text = pod(30, &[("LIFECYCLE_HOOK_TIMEOUT__CLOSE", "3s")]);
    let two = plan_of([hook(1, "a::close", None), hook(2, "b::close", None)]);
    let workload = parsed("k8s.yaml", &text).map_err(|error| error.to_string()).unwrap();
    let error = hold(workload, &Config::new(), &two).unwrap_err();
    assert_eq!(
        error.to_string(),
        "k8s.yaml:7: LIFECYCLE_HOOK_TIMEOUT__CLOSE: several hooks end in that name; write more \
         of it, as in `MODULE__NAME`"
    );
}

#[test]
fn the_manifest_overrides_what_the_process_has() {
    let inherited = |variables: &[(&str, &str)]| {
        let variables =
            variables.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned()));
        let text = pod(30, &[("LIFECYCLE_GRACE_PERIOD", "30s")]);
        let workload = parsed("k8s.yaml", &text).map_err(|error| error.to_string()).unwrap();
        workload.fits(&plan(), &Config::new(), variables).map_err(|error| error.to_string())
    };
    let here = [
        ("LIFECYCLE_GRACE_PERIOD", "1s"),
        ("NOMAD_ALLOC_ID", "x"),
        ("LIFECYCLE_DRAIN_TIMEOUT", "2s"),
        ("LIFECYCLE_DRAIN", "of this process, and not of the manifest"),
    ];
    let fits = inherited(&here).unwrap();
    assert_eq!(fits.spare(), Some(Duration::from_secs(14)));
    assert!(fits.to_string().contains("drain           2s  LIFECYCLE_DRAIN_TIMEOUT\n"), "{fits}");
    assert!(!fits.to_string().contains("note:"), "{fits}");
    let error = inherited(&[("LIFECYCLE_DRAIN_TIMEOUT", "2")]).unwrap_err();
    assert_eq!(error, "LIFECYCLE_DRAIN_TIMEOUT=2: `2` lacks a unit; did you mean `2s`?");
}

/// It begins with `verdict` and ends with `advice`.
#[track_caller]
fn says(error: &FitError, verdict: &str, advice: &str) {
    let text = error.to_string();
    assert!(text.starts_with(&format!("{verdict}\n  delay ")), "{text}");
    assert!(text.ends_with(&format!("\nto make it fit: {advice}")), "{text}");
}
