//! For many numbers: what is advised about numbers of the manifest makes the plan fit.

use lifecycle_core::{Config, FitError, Fits, testing::samples::plan_of};

use super::{hold, hook, parsed};

/// What a manifest of one platform says of the time.
struct Said {
    /// As it is written there.
    grace: String,
    taken: Option<String>,
}

/// A platform: its file, and how the manifest and the advice write the number that grants.
struct Form {
    file: &'static str,
    text: fn(&Said) -> String,
    /// What stands before the number in the advice.
    field: &'static str,
}

const SYSTEMD: Form = Form { file: "orders.service", text: unit, field: "TimeoutStopSec=" };
const COMPOSE: Form = Form { file: "compose.yaml", text: compose, field: "stop_grace_period: " };
const ECS: Form = Form { file: "task.json", text: ecs, field: "\"stopTimeout\": " };
const NOMAD: Form = Form { file: "job.json", text: nomad, field: "\"KillTimeout\": " };

const TAKEN: [Option<&str>; 9] = [
    None,
    Some("none"),
    Some("3s"),
    Some("12s"),
    Some("17500ms"),
    Some("20s"),
    Some("20100ms"),
    Some("31s"),
    Some("50.25s"),
];

#[test]
fn each_advice_holds_on_kubernetes() {
    let mut followed = 0;
    for slept in ["0", "2", "0.5", "1.75", "6.001"] {
        let text = move |said: &Said| {
            format!(
                "kind: Pod\nspec:\n  terminationGracePeriodSeconds: {}\n  containers:\n    - name: orders\n      image: a\n      \
                 lifecycle: {{ preStop: {{ exec: {{ command: [sleep, '{slept}'] }} }} }}\n{}",
                said.grace,
                said.taken
                    .iter()
                    .map(|taken| format!(
                        "      env: [{{ name: LIFECYCLE_GRACE_PERIOD, value: {taken} }}]\n"
                    ))
                    .collect::<String>()
            )
        };
        let graces = ["7", "10", "18", "19", "20", "30", "45"];
        followed +=
            each_advice_holds("k8s.yaml", &graces, "terminationGracePeriodSeconds: ", &text);
    }
    assert!(followed > 800, "{followed}");
}

#[test]
fn each_advice_holds_on_other_platforms() {
    let fractions = ["3s", "10.5s", "18.25s", "20s", "29.5s", "45s"];
    for (Form { file, text, field }, graces) in [
        (SYSTEMD, ["3", "10500ms", "18.25", "20", "29s 500ms", "45"]),
        (COMPOSE, fractions),
        (ECS, ["3", "10", "18", "20", "29", "45"]),
        (
            NOMAD,
            [
                "3000000000",
                "10500000000",
                "18250000000",
                "20000000000",
                "29500000000",
                "30000000000",
            ],
        ),
    ] {
        let followed = each_advice_holds(file, &graces, field, &text);
        assert!(followed > 100, "{file}: {followed}");
    }
}

#[test]
fn the_least_change_is_advised_where_less_than_a_second_or_the_platform_is_in_the_way() {
    let said =
        |grace: &str, taken: &str| Said { grace: grace.to_owned(), taken: Some(taken.to_owned()) };
    let advised =
        |error: FitError| error.to_string().split("\nto make it fit: ").nth(1).unwrap().to_owned();
    let error = held("job.json", &nomad(&said("29500000000", "50s")), 22_200).unwrap_err();
    assert_eq!(
        advised(error),
        "`LIFECYCLE_GRACE_PERIOD=29.5s` (job.json:1)\n  \
         or: `\"KillTimeout\": 30000000000` (job.json:1) and `LIFECYCLE_GRACE_PERIOD=30s` (job.json:1)"
    );
    let error = held("task.json", &ecs(&said("30", "150s")), 60_000).unwrap_err();
    assert_eq!(
        advised(error),
        "`\"stopTimeout\": 67` (task.json:1) and `LIFECYCLE_GRACE_PERIOD=1m7s` (task.json:1)\n  \
         or: `LIFECYCLE_GRACE_PERIOD=30s` (task.json:1) and `timeout = \"23s\"` at `orders::flush` (src/hooks.rs:1)"
    );
}

/// How many ways were followed.
fn each_advice_holds(
    file: &str,
    graces: &[&str],
    field: &str,
    text: &dyn Fn(&Said) -> String,
) -> usize {
    let mut followed = 0;
    for timeout in [2_000, 4_300, 9_999, 13_001] {
        for (grace, taken) in graces.iter().flat_map(|grace| TAKEN.map(|taken| (grace, taken))) {
            let said = Said { grace: (*grace).to_owned(), taken: taken.map(str::to_owned) };
            let Err(error) = held(file, &text(&said), timeout) else { continue };
            let advice = error.to_string();
            let ways = advice.split("\nto make it fit: ").nth(1).unwrap().split("\n  or: ");
            for way in ways {
                assert!(!way.is_empty(), "{advice}");
                let number = |name: &str| {
                    Some(way.split(&format!("`{name}")).nth(1)?.split('`').next()?.to_owned())
                };
                let only_numbers = way.split(" and ").all(|step| {
                    step.starts_with(&format!("`{field}"))
                        || step.starts_with("`LIFECYCLE_GRACE_PERIOD=")
                });
                if only_numbers {
                    let grace = number(field).unwrap_or_else(|| said.grace.clone());
                    let taken = number("LIFECYCLE_GRACE_PERIOD=").or_else(|| said.taken.clone());
                    held(file, &text(&Said { grace, taken }), timeout).unwrap_or_else(|still| {
                        panic!("{}\n{advice}\n{way}\n{still}", text(&said))
                    });
                    followed += 1;
                }
            }
        }
    }
    followed
}

/// With a hook that takes `timeout` milliseconds.
fn held(file: &str, text: &str, timeout: u64) -> Result<Fits, FitError> {
    let mut hook = hook(1, "orders::flush", None);
    hook.timeout = Some(std::time::Duration::from_millis(timeout));
    hold(parsed(file, text)?, &Config::new(), &plan_of([hook]))
}

fn unit(said: &Said) -> String {
    let taken =
        said.taken.iter().map(|taken| format!("Environment=LIFECYCLE_GRACE_PERIOD={taken}\n"));
    format!("[Service]\nTimeoutStopSec={}\n{}ExecStart=/a\n", said.grace, taken.collect::<String>())
}

fn compose(said: &Said) -> String {
    let taken = said
        .taken
        .iter()
        .map(|taken| format!("    environment: [LIFECYCLE_GRACE_PERIOD={taken}]\n"));
    format!(
        "services:\n  orders:\n    stop_grace_period: {}\n    image: a\n{}",
        said.grace,
        taken.collect::<String>()
    )
}

fn ecs(said: &Said) -> String {
    let taken = said
        .taken
        .iter()
        .map(|taken| format!(r#"{{"name": "LIFECYCLE_GRACE_PERIOD", "value": "{taken}"}}"#));
    format!(
        r#"{{"requiresCompatibilities": ["FARGATE"], "containerDefinitions": [{{"name": "orders", "image": "a", "stopTimeout": {}, "environment": [{}]}}]}}"#,
        said.grace,
        taken.collect::<String>()
    )
}

fn nomad(said: &Said) -> String {
    let taken = said.taken.iter().map(|taken| format!(r#""LIFECYCLE_GRACE_PERIOD": "{taken}""#));
    format!(
        r#"{{"Job": {{"TaskGroups": [{{"Tasks": [{{"Name": "orders", "KillTimeout": {}, "Env": {{{}}}}}]}}]}}}}"#,
        said.grace,
        taken.collect::<String>()
    )
}
