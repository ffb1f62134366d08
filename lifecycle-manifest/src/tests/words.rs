//! The small languages inside of manifests: commands, time spans, quoted words.

use std::{path::Path, time::Duration};

use lifecycle_core::ext::Overrides;

use super::{
    super::{
        kind,
        systemd::{self, timespan, unit},
    },
    parsed,
};

/// What of the time a preStop spends, in seconds, or what is said of it.
fn spent(hook: &str, overrides: Option<Duration>) -> Result<f64, String> {
    let text = format!(
        "kind: Pod\nspec:\n  terminationGracePeriodSeconds: 1000000\n  containers:\n    - name: orders\n      lifecycle: {{ preStop: {hook} }}\n      image: a\n"
    );
    let pre_stop = overrides;
    let mut overrides = Overrides::default();
    overrides.pre_stop = pre_stop;
    let workload =
        kind::parse(Path::new("k8s.yaml"), &text, &overrides).map_err(|error| error.to_string())?;
    Ok(workload.spent.as_secs_f64())
}

#[test]
fn a_sleep_is_counted_in_the_usual_spellings() {
    for (command, seconds) in [
        ("[sleep, '5']", 5.0),
        ("[/bin/sleep, 5s]", 5.0),
        ("[/usr/bin/sleep, '5', 1m]", 65.0),
        ("[sleep, '0.5']", 0.5),
        ("[sleep, 1h]", 3_600.0),
        ("[sleep, 2d, .5h]", 174_600.0),
        ("[busybox, sleep, '20']", 20.0),
        ("[/bin/busybox, sleep, '20']", 20.0),
        ("[/bin/busybox, sh, -c, sleep 20]", 20.0),
        ("['true']", 0.0),
        ("[/bin/sh, -c, sleep 5]", 5.0),
        ("[sh, -ec, 'exec sleep 5;']", 5.0),
        ("[/usr/bin/bash, -c, ' sleep 0.25m ']", 15.0),
        ("[sh, -c, 'sleep 5 && sleep 15']", 20.0),
        ("[sh, -c, 'sleep 5&&sleep 15;sleep 1']", 21.0),
        ("[sh, -c, \"sleep 5\\n/bin/sleep '10'\\n\"]", 15.0),
        ("[sh, -c, 'echo \"closed; at last\"; sleep 5; true && :']", 5.0),
    ] {
        assert_eq!(
            spent(&format!("{{ exec: {{ command: {command} }} }}"), None),
            Ok(seconds),
            "{command}"
        );
    }
    assert_eq!(spent("{ sleep: { seconds: 7 } }", None), Ok(7.0));
}

#[test]
fn what_is_not_only_a_sleep_has_to_be_told() {
    let commands = [
        "[sh, -c, 'sleep 5 && nginx -s quit']",
        "[sh, -c, 'sleep 5; kill 1']",
        "[sh, -c, 'nginx -s quit; sleep 5']",
        "[sh, -c, 'sleep $TIME']",
        "[sh, -c, 'sleep \"$TIME\"']",
        "[sh, -c, 'sleep 20 >/dev/null']",
        "[sh, -c, 'sleep 1 & sleep 20']",
        "[sh, -c, 'sleep 1 || sleep 20']",
        "[sh, -c, 'sleep 1 | sleep 20']",
        "[sh, -c, 'echo `sleep 20`']",
        "[sh, -c, '(sleep 20)']",
        "[sh, -c, 'sleep {1,20}']",
        "[sh, -c, 'while true; do sleep 1; done']",
        "[sh, -c, 'A=1 sleep 20']",
        "[sh, -c, \"sleep '20\"]",
        "[sh, -c, sleep 5, more]",
        "[bash, -lc, sleep 5]",
        "[sh, /stop.sh]",
        "[zsh, -c, sleep 5]",
        "[sleep]",
        "[sleep, $TIME]",
        "[sleep, '-5']",
        "[sleep, infinity]",
        "[sleep, 5w]",
        "[sleep 5]",
        "[usleep, '5']",
        "[/app/sleep, '5']",
        "[/stop]",
        "[]",
    ];
    let hooks = [
        "{ httpGet: { path: /stop, port: 80 } }",
        "{ tcpSocket: { port: 80 } }",
        "{}",
        "{ sleep: {} }",
    ];
    let hooks = hooks.map(str::to_owned).into_iter();
    for hook in hooks.chain(commands.map(|command| format!("{{ exec: {{ command: {command} }} }}")))
    {
        let said = spent(&hook, None).unwrap_err();
        assert!(
            said.starts_with("k8s.yaml:6: spec.containers[0].lifecycle.preStop: how long "),
            "{said}"
        );
        assert!(
            said.ends_with(" `Manifest::pre_stop`, or write `sleep: {seconds: n}` here"),
            "{said}"
        );
        assert_eq!(spent(&hook, Some(Duration::from_millis(1_500))), Ok(1.5), "{hook}");
    }
    let longer = "{ sleep: { seconds: 7 } }";
    assert_eq!(spent(longer, Some(Duration::from_secs(5))), Ok(7.0));
    assert_eq!(spent(longer, Some(Duration::from_secs(9))), Ok(9.0));
    assert_eq!(spent("null", Some(Duration::from_secs(9))), Ok(9.0));
    assert_eq!(spent("null", None), Ok(0.0));
    let too_long = spent("null", Some(Duration::from_secs(1_000_000))).unwrap_err();
    assert!(
        too_long.starts_with(
            "k8s.yaml:5: spec.containers[0]: preStop takes 277h46m40s of 277h46m40s: "
        ),
        "{too_long}"
    );
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
        ("+30", 30.0),
        ("+1m .5s", 60.5),
        ("1 5", 6.0),
        ("12.34 .56", 12.9),
        ("1M", 2_629_800.0),
        ("2y", 63_115_200.0),
        ("30sec1min", 90.0),
    ] {
        assert_eq!(timespan::parse(text), Ok(Some(Duration::from_secs_f64(seconds))), "{text}");
    }
    for text in ["infinity", "0", "0s"] {
        assert_eq!(timespan::parse(text), Ok(None), "{text}");
    }
    for text in [
        "",
        "-5",
        "-0",
        "5 parsecs",
        "s",
        "1..5s",
        "5S",
        "1e3",
        "1.2.3",
        "1. 5",
        "5.s",
        "5.",
        "5s,",
        "0x10",
        "+",
        "+.5",
        "infinity 1",
        "99999999999999999999",
        "9999999999999y",
    ] {
        assert!(timespan::parse(text).is_err(), "{text}");
    }
}

#[test]
fn durations_are_those_of_compose_and_nomad() {
    let read = |name: &str, text: String| {
        parsed(name, &text).map(|found| found.grace.unwrap()).map_err(|error| error.to_string())
    };
    let compose = |time: &str| {
        let text = format!("services: {{ a: {{ image: a, stop_grace_period: '{time}' }} }}");
        read("compose.yaml", text)
    };
    let nomad = |time: &str| {
        let text = format!(
            r#"{{"TaskGroups": [{{"Tasks": [{{"Name": "a", "KillTimeout": "{time}"}}]}}]}}"#
        );
        read("job.json", text)
    };
    for (time, millis) in [
        ("20s", 20_000),
        ("5s20s", 25_000),
        ("30s1m", 90_000),
        ("1.5m30s", 120_000),
        ("+.5m", 30_000),
        ("1m1ms", 60_001),
        ("250000µs", 250),
        ("1d", 86_400_000),
        ("1w1d", 691_200_000),
    ] {
        let expected = Duration::from_millis(millis);
        assert_eq!(compose(time), Ok(expected), "{time}");
        if millis <= 30_000 {
            assert_eq!(nomad(time), Ok(expected), "{time}");
        }
    }
    for time in
        ["", "30", "s", ".s", "-5s", "1e3s", "5S", "1.2.3s", "5 s", "1month", "300000h0h9999999h"]
    {
        assert!(compose(time).is_err(), "{time}");
        assert!(nomad(time).is_err(), "{time}");
    }
    assert!(nomad("1d").is_err());
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
    let expected =
        [(2, "A", "1"), (3, "B", "2 3"), (8, "C", "4 5"), (10, "D", "6"), (12, "E", "7")];
    let expected = expected.map(|(line, name, value)| (line, name.to_owned(), value.to_owned()));
    assert_eq!(unit::variables(text), expected);
}

#[test]
fn drop_ins_are_those_of_the_whole_search_path_where_the_unit_is_in_it() {
    let folder = tempfile::tempdir().unwrap();
    let path = |name: &str| folder.path().join(name).display().to_string();
    let [admin, vendor, elsewhere] = ["etc", "lib", "deploy"].map(path);
    for name in [
        "etc/a-b.service.d/20.conf",
        "etc/service.d/10.conf",
        "lib/a-b.service.d/20.conf",
        "lib/a-b.service.d/30.conf",
        "lib/a-.service.d/05.conf",
        "deploy/a-b.service.d/40.conf",
    ] {
        std::fs::create_dir_all(Path::new(&path(name)).parent().unwrap()).unwrap();
        std::fs::write(path(name), "[Service]\n").unwrap();
    }
    let found = |unit: String| {
        let searched: &[&str] = &[&admin, &vendor];
        let found = systemd::of_searched(Path::new(&unit), &[searched]);
        let name = |path: std::path::PathBuf| {
            path.strip_prefix(folder.path()).unwrap().display().to_string()
        };
        found.into_iter().map(name).collect::<Vec<_>>()
    };
    let all = [
        "lib/a-.service.d/05.conf",
        "etc/service.d/10.conf",
        "etc/a-b.service.d/20.conf",
        "lib/a-b.service.d/30.conf",
    ];
    assert_eq!(found(format!("{admin}/a-b.service")), all);
    assert_eq!(found(format!("{vendor}/a-b.service")), all);
    assert_eq!(found(format!("{elsewhere}/a-b.service")), ["deploy/a-b.service.d/40.conf"]);
}

#[test]
fn a_byte_order_mark_is_no_text() {
    for (name, text, expected) in [
        ("orders.service", "[Service]\nTimeoutStopSec=20\nExecStart=/a\n", 20),
        ("compose.yaml", "services: { orders: { image: a, stop_grace_period: 20s } }", 20),
        (
            "task.json",
            r#"{"containerDefinitions": [{"name": "orders", "image": "a", "stopTimeout": 20}]}"#,
            20,
        ),
    ] {
        let workload =
            parsed(name, &format!("\u{feff}{text}")).map_err(|error| error.to_string()).unwrap();
        assert_eq!(workload.grace, Some(Duration::from_secs(expected)), "{name}");
    }
    assert_eq!(unit::variables("\u{feff}A=1\n"), [(1, "A".to_owned(), "1".to_owned())]);
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
      image: a
      envFrom: [{ prefix: LIFECYCLE_, configMapRef: { name: stop } }]
";
    let workload = parsed("k8s.yaml", text).map_err(|error| error.to_string()).unwrap();
    let names: Vec<_> = workload.variables.iter().map(|variable| variable.name.as_str()).collect();
    assert_eq!(names, ["LIFECYCLE_GRACE_PERIOD", "LIFECYCLE_LIFECYCLE_DRAIN_TIMEOUT"]);
}

#[test]
fn a_config_map_is_that_of_the_same_namespace() {
    let map = |namespace: &str, grace: &str| {
        format!(
            "kind: ConfigMap\nmetadata: {{ name: stop{namespace} }}\ndata: {{ LIFECYCLE_GRACE_PERIOD: {grace} }}\n---\n"
        )
    };
    let pod = |namespace: &str| {
        format!(
            "kind: Pod\nmetadata: {{ name: orders{namespace} }}\nspec:\n  containers:\n    - name: orders\n      envFrom: [{{ configMapRef: {{ name: stop }} }}]\n      image: a\n---\n"
        )
    };
    let [prod, dev, none] = [", namespace: prod", ", namespace: dev", ""];
    for (text, expected) in [
        (map(prod, "60s") + &pod(prod) + &map(dev, "25s"), "60s"),
        (map(prod, "60s") + &pod(dev) + &map(dev, "25s"), "25s"),
        (map(none, "9s") + &pod(none) + &map(dev, "25s"), "9s"),
    ] {
        let workload = parsed("k8s.yaml", &text).map_err(|error| error.to_string()).unwrap();
        let values: Vec<_> =
            workload.variables.iter().map(|variable| variable.value.as_str()).collect();
        assert_eq!(values, [expected], "{text}");
    }
    let workload = parsed("k8s.yaml", &(map(prod, "60s") + &pod(none)))
        .map_err(|error| error.to_string())
        .unwrap();
    assert_eq!(
        workload.notes,
        [
            "k8s.yaml:10: envFrom is not in this file, LIFECYCLE_* in it are not known: write these in `env`"
        ]
    );
}

#[test]
fn json_may_escape_what_yaml_does_not() {
    let text = r#"{"containerDefinitions": [{"name": "orders", "image": "a",
        "environment": [{"name": "LIFECYCLE_REPORT", "value": "/\ud83d\ude00\/\\ud83d\\ude00\u00fc\"\u0041\uD83D\uDE80.txt"},
        {"name": "LIFECYCLE_DRAIN_TIMEOUT", "value": "5s"}]}]}"#;
    let workload = parsed("task.json", text).map_err(|error| error.to_string()).unwrap();
    let [report, drain] = workload.variables.as_slice() else {
        panic!("{}", workload.variables.len())
    };
    assert_eq!(report.value, "/😀/\\ud83d\\ude00ü\"A🚀.txt");
    assert_eq!(drain.place.to_string(), "task.json:3");
}

#[test]
fn a_number_may_be_an_alias() {
    let text = "kind: Pod\nmetadata: { annotations: { stop: &stop 20 } }\nspec:\n  terminationGracePeriodSeconds: *stop\n  containers: [{ name: orders, image: a }]\n";
    let workload = parsed("k8s.yaml", text).map_err(|error| error.to_string()).unwrap();
    assert_eq!(workload.grace, Some(Duration::from_secs(20)));
    assert_eq!(workload.setting.to_string(), "k8s.yaml:4 terminationGracePeriodSeconds");
}
