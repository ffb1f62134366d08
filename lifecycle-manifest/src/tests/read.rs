//! Files as they are found: each gives the right number, the right variables, and says what it does not know.

use std::{path::Path, time::Duration};

use lifecycle_core::ext::{Deployment, Overrides};
use lifecycle_duration::display;

use super::{super::kind, overrides};

const FIXTURES: &str = "src/tests/fixtures/";

/// What was read, line by line.
pub(super) fn said(workload: &Deployment) -> String {
    let Deployment {
        platform,
        grace,
        setting,
        spent,
        stop_signals,
        variables,
        environment,
        notes,
        ..
    } = workload;
    let grace = grace.map_or_else(|| "no end".to_owned(), |grace| display(grace).to_string());
    let mut lines = vec![format!("{platform}: {grace}, {setting}")];
    if !spent.is_zero() {
        lines.push(format!("spent: {}", display(*spent)));
    }
    lines.extend(
        stop_signals.iter().map(|signal| format!("signal: {} {}", signal.place, signal.name)),
    );
    lines.extend(variables.iter().map(|set| format!("{} {}={}", set.place, set.name, set.value)));
    lines.push(environment.clone());
    lines.extend(notes.iter().map(|note| format!("note: {note}")));
    lines.join("\n").replace(FIXTURES, "")
}

#[track_caller]
fn reads(name: &str, expected: &str) {
    let (file, overrides) = overrides(name);
    let workload = kind::read(Path::new(&format!("{FIXTURES}{file}")), &overrides);
    let said = workload
        .map_or_else(|error| error.to_string().replace(FIXTURES, ""), |workload| said(&workload));
    assert_eq!(said, expected);
}

#[test]
fn a_pod_with_sidecars() {
    reads(
        "pod.yaml",
        "Kubernetes: 45s, pod.yaml:8 terminationGracePeriodSeconds\n\
         spent: 10s\n\
         pod.yaml:33 LIFECYCLE_GRACE_PERIOD=30s\n\
         pod.yaml:34 LIFECYCLE_SHUTDOWN_DELAY=0s\n\
         env of `api`, pod.yaml:29\n\
         note: pod.yaml:27: the preStop of `proxy` runs beside, and takes no time of ours\n\
         note: pod.yaml:18: the preStop of `log-shipper` runs beside, and takes no time of ours\n\
         note: pod.yaml:44: after a failed livenessProbe only 5s are granted, which is not checked",
    );
    reads(
        "pod.yaml#proxy",
        "Kubernetes: 45s, pod.yaml:8 terminationGracePeriodSeconds\n\
         spent: 20s\n\
         env of `proxy`, pod.yaml:20\n\
         note: pod.yaml:40: the preStop of `api` runs beside, and takes no time of ours\n\
         note: pod.yaml:18: the preStop of `log-shipper` runs beside, and takes no time of ours",
    );
}

#[test]
fn several_documents_and_config_maps() {
    reads(
        "shop.yaml",
        "Kubernetes: 1m, shop.yaml:49 terminationGracePeriodSeconds\n\
         shop.yaml:14 LIFECYCLE_GRACE_PERIOD=1m\n\
         shop.yaml:15 LIFECYCLE_DRAIN_TIMEOUT=20s\n\
         shop.yaml:58 LIFECYCLE_DRAIN_TIMEOUT=25s\n\
         shop.yaml:81 LIFECYCLE_HOOK_TIMEOUT=4s\n\
         env of `orders`, shop.yaml:51\n\
         note: shop.yaml:55: envFrom is not in this file, LIFECYCLE_* in it are not known: write these in `env`",
    );
}

#[test]
fn other_workloads() {
    reads(
        "statefulset.yaml",
        "Kubernetes: 30s, statefulset.yaml:14 terminationGracePeriodSeconds is not set: the default\n\
         env of `ledger`, statefulset.yaml:15",
    );
    reads(
        "cronjob.yaml",
        "Kubernetes: 2m, cronjob.yaml:14 terminationGracePeriodSeconds\n\
         cronjob.yaml:18 LIFECYCLE_GRACE_PERIOD=2m\n\
         env of `settle`, cronjob.yaml:16",
    );
}

#[test]
fn a_list_in_json() {
    reads(
        "list.json",
        "Kubernetes: 30s, list.json:36 terminationGracePeriodSeconds is not set: the default\n\
         list.json:38 LIFECYCLE_DRAIN_TIMEOUT=8s\n\
         env of `orders`, list.json:38",
    );
    reads(
        "list.json#Rollout",
        "Kubernetes: 30s, list.json:36 terminationGracePeriodSeconds is not set: the default\n\
         list.json:38 LIFECYCLE_DRAIN_TIMEOUT=8s\n\
         env of `orders`, list.json:38",
    );
    reads(
        "list.json#agent",
        "list.json:23: items[1].spec.template.spec.containers[0].lifecycle.preStop: how long `httpGet` takes is not known, and it is time that the service does not have: say it with `Manifest::pre_stop`, or write `sleep: {seconds: n}` here",
    );
}

#[test]
fn a_task_definition_with_two_containers() {
    reads(
        "task-definition.json",
        "ECS: 1m30s, task-definition.json:14 stopTimeout\n\
         task-definition.json:17 LIFECYCLE_GRACE_PERIOD=1m30s\n\
         environment of `orders`, task-definition.json:9\n\
         note: task-definition.json:19: environmentFiles are not read, LIFECYCLE_* in them are not known: write these in \
         `environment`",
    );
    reads(
        "task-definition.json#otel",
        "ECS: 30s, task-definition.json:22 stopTimeout is not set: the default\n\
         environment of `otel`, task-definition.json:22",
    );
}

#[test]
fn a_unit_with_drop_ins() {
    reads(
        "orders.service",
        "systemd: 40s, orders.service.d/10-timeout.conf:2 TimeoutStopSec\n\
         orders.service.d/20-environment.conf:4 LIFECYCLE_GRACE_PERIOD=40s\n\
         orders.env:3 LIFECYCLE_DRAIN_TIMEOUT=6s\n\
         Environment= of [Service], orders.service:7\n\
         note: orders.service.d/20-environment.conf:7: /nowhere/orders.env is not here, LIFECYCLE_* in it are not known: \
         set these by `Environment=`",
    );
}

#[test]
fn a_compose_file_with_anchors() {
    reads(
        "compose.yaml#orders",
        "a container: 20s, compose.yaml:7 stop_grace_period\n\
         signal: compose.yaml:16 SIGINT\n\
         compose.yaml:19 LIFECYCLE_DRAIN_TIMEOUT=5s\n\
         compose.yaml:10 LIFECYCLE_GRACE_PERIOD=20s\n\
         environment of `orders`, compose.yaml:14",
    );
    reads(
        "compose.yaml#worker",
        "a container: 1m30s, compose.yaml:23 stop_grace_period\n\
         compose.yaml:27 LIFECYCLE_GRACE_PERIOD=1m30s\n\
         environment of `worker`, compose.yaml:21\n\
         note: compose.yaml:24: env_file is not read, LIFECYCLE_* in it are not known: render it first, with `docker compose config`, and check what comes out",
    );
    reads(
        "compose.yaml#postgres",
        "a container: 10s, compose.yaml:29 stop_grace_period is not set: the default\n\
         environment of `postgres`, compose.yaml:29",
    );
    reads(
        "compose.yaml",
        "compose.yaml: which container is the service? It has `orders`, `worker`, `postgres`; name one: `compose.yaml#orders`",
    );
}

#[test]
fn a_nomad_job_in_both_forms() {
    reads(
        "nomad-api.json",
        "Nomad: 20s, nomad-api.json:17 KillTimeout\n\
         signal: nomad-api.json:18 SIGTERM\n\
         nomad-api.json:16 LIFECYCLE_GRACE_PERIOD=20s\n\
         Env of `server`, nomad-api.json:12",
    );
    reads(
        "nomad-api.json#web/proxy",
        "Nomad: 5s, nomad-api.json:21 KillTimeout\n\
         Env of `proxy`, nomad-api.json:21",
    );
    reads(
        "nomad-hcl.json",
        "nomad-hcl.json:15: job[0].orders.group.web.task[0].server.kill_timeout: found 45s, and a Nomad client grants 30s at most unless its max_kill_timeout is more: write at most 30s, or say what the clients grant with `Manifest::max_kill_timeout`",
    );
    reads(
        "nomad-hcl.json#proxy",
        "Nomad: 5s, nomad-hcl.json:18 kill_timeout is not set: the default\n\
         env of `proxy`, nomad-hcl.json:18",
    );
}

#[test]
fn what_clients_of_nomad_grant() {
    let file = format!("{FIXTURES}nomad-hcl.json");
    for (most, expected) in [
        (60, "Nomad: 45s, nomad-hcl.json:15 kill_timeout\n"),
        (45, "Nomad: 45s, nomad-hcl.json:15 kill_timeout\n"),
        (40, "Nomad: 40s, max_kill_timeout of the clients, 40s; nomad-hcl.json:15 kill_timeout\n"),
    ] {
        let mut overrides = Overrides::default();
        overrides.max_kill_timeout = Some(Duration::from_secs(most));
        let workload =
            kind::read(Path::new(&file), &overrides).map_err(|error| error.to_string()).unwrap();
        assert!(said(&workload).starts_with(expected), "{}", said(&workload));
        assert_eq!(workload.most, Some(Duration::from_secs(most)));
    }
}

#[test]
fn what_has_to_be_rendered_first() {
    reads(
        "chart.yaml",
        "chart.yaml:6: did not find expected node content, while parsing a flow node; line 4 has the `{{` of a template: render it first, a Helm chart with `helm template`, and check what comes out",
    );
    reads(
        "kustomization.yaml",
        "kustomization.yaml: a kustomization is not a manifest: render it first, with `kustomize build src/tests/fixtures`, and check what comes out",
    );
}

#[test]
fn a_file_that_is_not_there() {
    let error =
        kind::read(Path::new("deploy/k8s.yaml"), &Overrides::default()).err().unwrap().to_string();
    let here = std::env::current_dir().unwrap();
    assert_eq!(
        error,
        format!("deploy/k8s.yaml: No such file or directory (os error 2) in {}", here.display())
    );
}

#[test]
fn templates_of_nomad() {
    let read = |name: &str, text: &str| {
        let workload = kind::parse(Path::new(name), text, &Overrides::default());
        workload.map_or_else(|error| error.to_string(), |workload| workload.notes.join("\n"))
    };
    let api = |template: &str| {
        let text = format!(
            "{{\"TaskGroups\": [{{\"Tasks\": [{{\"Name\": \"a\",\n\"Templates\": [\n{template}]}}]}}]}}"
        );
        read("job.json", &text)
    };
    let hcl = |template: &str| {
        read(
            "job.json",
            &format!(
                "{{\"job\": {{\"a\": {{\"group\": {{\"a\": {{\"task\": {{\"a\": {{\"template\":\n{template}}}}}}}}}}}}}}}"
            ),
        )
    };
    let note = ": a template is an environment, LIFECYCLE_* in it are not known";
    assert_eq!(
        api(r#"{"EmbeddedTmpl": "A={{key}}", "Envvars": true}"#),
        format!("job.json:3{note}")
    );
    assert_eq!(api(r#"{"SourcePath": "x.tpl", "Envvars": true}"#), format!("job.json:3{note}"));
    assert_eq!(hcl(r#"[{"data": "A=1", "env": "true"}]"#), format!("job.json:2{note}"));
    for file in [
        r#"{"EmbeddedTmpl": "LIFECYCLE_X=1", "Envvars": false}"#,
        r#"{"EmbeddedTmpl": "LIFECYCLE_X=1"}"#,
    ] {
        assert_eq!(api(file), "");
    }
    let wrong = "it has LIFECYCLE_* variables, and what they come to is not known: set them in";
    let rest = "instead, as no secret is in them";
    assert_eq!(
        api(r#"{"EmbeddedTmpl": "LIFECYCLE_DRAIN_TIMEOUT=60s", "Envvars": true}"#),
        format!("job.json:3: TaskGroups[0].Tasks[0].Templates[0].EmbeddedTmpl: {wrong} Env {rest}")
    );
    assert_eq!(
        hcl(r#"{"data": "LIFECYCLE_DRAIN_TIMEOUT=60s", "env": true}"#),
        format!("job.json:2: job.a.group.a.task.a.template.data: {wrong} env {rest}")
    );
}

#[test]
fn variables_that_a_unit_unsets() {
    let left = |unset: &str| {
        let text = format!(
            "[Service]\nExecStart=/a\n{unset}\nEnvironment=LIFECYCLE_GRACE_PERIOD=2m LIFECYCLE_GRACE_PERIOD=1m LIFECYCLE_PLAN=x\n"
        );
        let workload = kind::parse(Path::new("a.service"), &text, &Overrides::default())
            .unwrap_or_else(|error| panic!("{error}"));
        workload.variables.into_iter().map(|variable| variable.value).collect::<Vec<_>>()
    };
    assert_eq!(left("UnsetEnvironment=LIFECYCLE_GRACE_PERIOD HOME"), ["x"]);
    assert_eq!(left("UnsetEnvironment=\"LIFECYCLE_GRACE_PERIOD=1m\" LIFECYCLE_PLAN"), [""; 0]);
    assert_eq!(left("UnsetEnvironment=LIFECYCLE_GRACE_PERIOD=2m"), ["2m", "1m", "x"]);
    assert_eq!(left("UnsetEnvironment=LIFECYCLE_PLAN\nUnsetEnvironment="), ["2m", "1m", "x"]);
}
