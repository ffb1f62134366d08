//! What is written as JSON is what the schemas in `docs/schemas` say, member by member.
#![cfg(feature = "testing")]

use std::{fs, time::Duration};

use lifecycle::{
    Config, Plan, Platform, Reason, Report, Signal, Site, on_shutdown, testing::Scenario,
};
use serde_json::{Value, json};

static CALLS: Site = Site::new("calls");

struct Pool;
struct Absent;

#[on_shutdown(timeout = "1s")]
async fn flush(_: &Pool) {}

#[on_shutdown(timeout = "2s")]
async fn close(_: Pool) {}

#[on_shutdown(order = -10, timeout = "1s", after = [fails])]
async fn hangs() {}

#[on_shutdown(order = -10, timeout = "1s")]
async fn fails() {}

#[on_shutdown(order = -10, timeout = "1s")]
async fn panics() {}

#[on_shutdown(order = -10, timeout = "1s")]
async fn blocks() {}

#[on_shutdown(order = 99)]
async fn needs_what_is_absent(_: &Absent) {}

/// The schema at `docs/schemas/<name>`; with `closed`, a member that it does not describe is an
/// error.
fn schema(name: &str, closed: bool) -> jsonschema::Validator {
    fn close(schema: &mut Value) {
        match schema {
            Value::Object(members) => {
                // Not the parts of an `if`, which describe no object of their own.
                if members.get("type").is_some_and(|types| types.to_string().contains("object")) {
                    members.insert("additionalProperties".to_owned(), json!(false));
                }
                members.values_mut().for_each(close);
            }
            Value::Array(items) => items.iter_mut().for_each(close),
            _ => {}
        }
    }
    let path = format!("{}/docs/schemas/{name}", env!("CARGO_MANIFEST_DIR"));
    let mut schema: Value = serde_json::from_str(&fs::read_to_string(path).unwrap()).unwrap();
    jsonschema::meta::validate(&schema).unwrap();
    if closed {
        close(&mut schema);
    }
    jsonschema::validator_for(&schema).unwrap()
}

#[track_caller]
fn assert_valid(schema: &jsonschema::Validator, json: &str) -> Value {
    let value = serde_json::from_str(json).unwrap();
    let errors: Vec<_> = schema
        .iter_errors(&value)
        .map(|error| format!("{}: {error}", error.instance_path()))
        .collect();
    assert_eq!(errors, [""; 0], "{json}");
    value
}

/// A stop in which most of what can happen does.
async fn eventful() -> Report {
    Scenario::new()
        .config(
            Config::new()
                .grace_period(Duration::from_secs(30))
                .drain_timeout(Duration::from_secs(2)),
        )
        .provide(Pool)
        .fail::<fails>("no such luck")
        .panic::<panics>()
        .hang::<hangs>()
        .block::<blocks>(Duration::from_secs(60))
        .call_at(Duration::from_millis(100), &CALLS, Duration::from_millis(1_500))
        .call_at(Duration::from_millis(200), &CALLS, Duration::from_secs(60))
        .call_at(Duration::from_millis(1_500), &CALLS, Duration::from_secs(1))
        .signal_at(Duration::from_secs(1), Signal::Term)
        .signal_at(Duration::from_secs(2), Signal::Hup)
        .run()
        .await
}

#[lifecycle::test]
async fn a_report_is_as_its_schema_says() {
    let report = eventful().await;
    let value = assert_valid(&schema("report.v1.json", true), &report.to_json());
    let kinds: Vec<_> = value["hooks"]
        .as_array()
        .unwrap()
        .iter()
        .map(|hook| hook["outcome"]["kind"].as_str().unwrap())
        .collect();
    for kind in ["completed", "failed", "panicked", "timed_out", "stuck", "skipped"] {
        assert!(kinds.contains(&kind), "{kind} in {kinds:?}");
    }
    let counts: Vec<_> =
        report.drain().in_flight().iter().map(|(at, count)| (at.as_millis(), *count)).collect();
    assert_eq!(counts, [(0, 2), (600, 1), (2_000, 1)], "{report}");
    let signals: Vec<_> =
        report.signals().iter().map(|heard| (heard.signal(), heard.at().as_secs())).collect();
    assert_eq!(signals, [(Signal::Term, 0), (Signal::Hup, 1)], "{report}");
    let slack = |name: &str| {
        report.hooks().iter().find(|hook| hook.name().ends_with(name)).unwrap().slack()
    };
    assert_eq!(slack("::flush"), Some(Duration::from_secs(1)), "{report}");
    assert_eq!(slack("::hangs"), Some(Duration::ZERO), "{report}");
    let close = value["hooks"]
        .as_array()
        .unwrap()
        .iter()
        .find(|hook| hook["name"] == "json::close")
        .unwrap();
    assert_eq!(close["waits_for"], json!(["json::flush"]));
    assert_eq!(Report::from_json(&report.to_json()).unwrap().to_string(), report.to_string());
    assert_eq!(
        Report::from_json(&report.to_json()).unwrap().outcome::<hangs>(),
        report.outcome::<hangs>()
    );
}

#[lifecycle::test]
async fn every_reason_is_as_the_schema_says() {
    let schema = schema("report.v1.json", true);
    for reason in
        [Reason::requested("deploy"), Reason::failure("lost the lease"), Reason::MainReturned]
    {
        let report = Scenario::new().only::<(fails,)>().shutdown(reason).await;
        assert_valid(&schema, &report.to_json());
    }
}

#[test]
fn a_plan_is_as_its_schema_says() {
    let (open, closed) = (schema("plan.v1.json", false), schema("plan.v1.json", true));
    let plan = Plan::collect().unwrap();
    let mut value = assert_valid(&closed, &plan.to_json());
    assert_valid(&closed, &Plan::declared().edge::<close, flush>().to_json());
    value["later"] = json!("a member that a later release adds");
    let errors = |schema: &jsonschema::Validator| schema.iter_errors(&value).count();
    assert_eq!((errors(&open), errors(&closed)), (0, 1));
    assert!(plan.diff(&value.to_string()).unwrap().is_empty());
}

/// A program answers with it; this test is one.
#[test]
fn what_a_program_sets_in_code_is_in_the_plan_that_it_answers() {
    let seconds = Duration::from_secs;
    let config = Config::new()
        .platform(Platform::CloudRun)
        .grace_period(seconds(20))
        .shutdown_delay(seconds(1))
        .drain_timeout(seconds(2))
        .hook_timeout(seconds(3))
        .reserve(seconds(4))
        .signals([Signal::Quit, Signal::Term])
        .job(true);
    if std::env::var_os("LIFECYCLE_PLAN").is_some() {
        // Ends the process.
        config.install();
    }
    let mut program = std::process::Command::new(std::env::current_exe().unwrap());
    program.args(["--exact", "what_a_program_sets_in_code_is_in_the_plan_that_it_answers"]);
    let output = program.arg("--nocapture").env("LIFECYCLE_PLAN", "json").output().unwrap();
    let said = String::from_utf8(output.stdout).unwrap();
    let json = &said[said.find('{').unwrap_or_else(|| panic!("{said}"))..];
    let value = assert_valid(&schema("plan.v1.json", true), json);
    let members = json!({
        "platform": "cloud_run", "grace_period_seconds": 20, "shutdown_delay_seconds": 1,
        "drain_timeout_seconds": 2, "hook_timeout_seconds": 3, "reserve_seconds": 4,
        "signals": ["SIGQUIT", "SIGTERM"], "job": true,
    });
    assert_eq!(value["config"], members);
    let plan = Plan::collect().unwrap();
    let read = Plan::from_json(json).unwrap().fits(&Config::from_json(json).unwrap());
    assert_eq!(read.unwrap().to_string(), plan.fits(&config).unwrap().to_string());
}

#[lifecycle::test]
async fn a_schema_refuses_what_is_no_plan_and_no_report() {
    let (plan, report) = (Plan::collect().unwrap().to_json(), eventful().await.to_json());
    for (name, json, from, to) in [
        ("plan.v1.json", &plan, "\"timeout_seconds\": 1", "\"timeout_seconds\": \"1s\""),
        ("plan.v1.json", &plan, "\"order\": -10", "\"order\": null"),
        ("report.v1.json", &report, "\"kind\": \"stuck\"", "\"kind\": \"glued\""),
        ("report.v1.json", &report, "\"exit_code\": 70", "\"exit_code\": 256"),
        ("report.v1.json", &report, "\"hurried\": false,", ""),
    ] {
        let broken: Value = serde_json::from_str(&json.replacen(from, to, 1)).unwrap();
        assert_eq!(schema(name, false).iter_errors(&broken).count(), 1, "{to}");
    }
}
