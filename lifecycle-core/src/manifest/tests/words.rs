//! The small languages inside of manifests: commands, time spans, quoted words.

use std::time::Duration;

use super::{
    super::{timespan, unit},
    parsed,
};

/// What of the time a preStop `command` spends, and what is noted about it.
fn spent(command: &str) -> (f64, Vec<String>) {
    let text = format!(
        "kind: Pod\nspec:\n  containers:\n    - name: orders\n      lifecycle: {{ preStop: {{ exec: {{ command: {command} }} }} }}\n"
    );
    let reading = parsed("k8s.yaml", &text).map_err(|error| error.to_string()).unwrap();
    (reading.spent.as_secs_f64(), reading.notes)
}

#[test]
fn a_sleep_is_counted_in_the_usual_spellings() {
    for (command, seconds) in [
        ("[sleep, '5']", 5.0),
        ("[/bin/sleep, 5s]", 5.0),
        ("[sleep, '0.5']", 0.5),
        ("[/bin/sh, -c, sleep 5]", 5.0),
        ("[sh, -ec, 'exec sleep 5;']", 5.0),
        ("[/usr/bin/bash, -c, ' sleep 0.25m ']", 15.0),
    ] {
        assert_eq!(spent(command), (seconds, vec![]), "{command}");
    }
}

#[test]
fn what_is_not_only_a_sleep_is_noted() {
    for (command, seconds, counted) in [
        ("[sh, -c, 'sleep 5 && nginx -s quit']", 5.0, "5s"),
        ("[sh, -c, 'sleep 5; kill 1']", 5.0, "5s"),
        ("[sh, -c, 'nginx -s quit; sleep 5']", 0.0, "0s"),
        ("[sleep, $TIME]", 0.0, "0s"),
        ("[sleep, 5h]", 0.0, "0s"),
        ("[usleep, '5']", 0.0, "0s"),
        ("[/stop]", 0.0, "0s"),
    ] {
        let note = format!("k8s.yaml:5: how long preStop takes is not known, {counted} are counted");
        assert_eq!(spent(command), (seconds, vec![note]), "{command}");
    }
}

#[test]
fn time_spans_are_those_of_systemd() {
    for (text, seconds) in [
        ("90", 90.0),
        (" 5min 20s ", 320.0),
        ("5min20s", 320.0),
        ("1.5h", 5_400.0),
        ("2 hours 3", 7_203.0),
        ("20s 1m", 80.0),
        ("250ms", 0.25),
        ("1w2d", 777_600.0),
    ] {
        assert_eq!(timespan::parse(text), Ok(Some(Duration::from_secs_f64(seconds))), "{text}");
    }
    for text in ["infinity", "0", "0s"] {
        assert_eq!(timespan::parse(text), Ok(None), "{text}");
    }
    for text in ["", "-5", "5 parsecs", "s", "1..5s", "5S", "1e3"] {
        assert!(timespan::parse(text).is_err(), "{text}");
    }
}

#[test]
fn words_are_held_together_by_quotes_and_escapes() {
    for (text, words) in [
        (r#"A=b "C=d e" 'F=g "h"'"#, vec!["A=b", "C=d e", "F=g \"h\""]),
        (r#"A="b c"d ''"#, vec!["A=b cd", ""]),
        (r"A=b\x20c D=e\tf G=h\\i J=\sk", vec!["A=b c", "D=e\tf", "G=h\\i", "J= k"]),
        ("  ", vec![]),
    ] {
        assert_eq!(unit::words(text).unwrap(), words, "{text}");
    }
    assert!(unit::words("A='b").is_err());
}

#[test]
fn lines_go_on_after_a_backslash() {
    let text = "# at the top\nA=1\nB=2 \\\n# in between\n; and\n  3\n\nC = \"4 5\"\nnothing\nD=6 \\\n\nE=7\n";
    let expected = [(2, "A", "1"), (3, "B", "2 3"), (8, "C", "4 5"), (10, "D", "6"), (12, "E", "7")];
    let expected = expected.map(|(line, name, value)| (line, name.to_owned(), value.to_owned()));
    assert_eq!(unit::variables(text), expected);
}

#[test]
fn a_prefix_stands_before_the_names_of_a_config_map() {
    let text = "
kind: ConfigMap
metadata: { name: stop }
data: { GRACE_PERIOD: 9s, LIFECYCLE_DRAIN_TIMEOUT: 1s }
---
kind: Pod
spec:
  containers:
    - name: orders
      envFrom: [{ prefix: LIFECYCLE_, configMapRef: { name: stop } }]
";
    let reading = parsed("k8s.yaml", text).map_err(|error| error.to_string()).unwrap();
    let names: Vec<_> = reading.variables.iter().map(|variable| variable.name.as_str()).collect();
    assert_eq!(names, ["LIFECYCLE_GRACE_PERIOD", "LIFECYCLE_LIFECYCLE_DRAIN_TIMEOUT"]);
}

#[test]
fn a_number_may_be_an_alias() {
    let text = "kind: Pod\nmetadata: { annotations: { stop: &stop 20 } }\nspec:\n  terminationGracePeriodSeconds: *stop\n  containers: [{ name: orders }]\n";
    let reading = parsed("k8s.yaml", text).map_err(|error| error.to_string()).unwrap();
    assert_eq!(reading.grace, Some(Duration::from_secs(20)));
    assert_eq!(reading.setting.to_string(), "k8s.yaml:4 terminationGracePeriodSeconds");
}
