//! Pods, and whatever has a template of pods.

mod environment;
mod prestop;

use std::time::Duration;

use lifecycle_core::{
    Platform,
    ext::{Deployment, ManifestError, Overrides, StopSignal},
};
use lifecycle_duration::display;

use super::{
    choose::{Candidate, Chosen, choose},
    dockerfile,
    document::{Document, Node},
    field::{asked, not_zero, setting, stop_signal, words},
    kind::{self, Beside},
    misplaced::{self, Watched, is_in},
    systemd::is_signal,
};

const FIELD: &str = "terminationGracePeriodSeconds";

pub(super) fn read(
    file: &str,
    document: &Document,
    beside: &Beside,
    overrides: &Overrides,
) -> Result<Deployment, ManifestError> {
    let others = beside.others.iter().map(|(path, text)| kind::document(path, text));
    let others = others.collect::<Result<Vec<_>, _>>()?;
    let mut all = Vec::new();
    for root in std::iter::once(document).chain(&others).flat_map(Document::roots) {
        all.extend(objects(root)?);
    }
    let config = environment::ConfigMaps::of(&all);
    let mut candidates = Vec::new();
    for object in &all {
        let Some(pod) = pod(object, overrides)? else { continue };
        let in_sight = config.in_sight(object);
        for (container, is_sidecar) in containers(&pod)? {
            let names = [object.text_at("kind")?, name(object)?, container.text_at("name")?];
            candidates.push(Candidate {
                path: names.into_iter().map(Option::unwrap_or_default).collect(),
                ours: environment::is_ours(&container, &in_sight)?,
                what: (container, pod.clone(), object, is_sidecar),
            });
        }
    }
    // A sidecar is the service only where something says so.
    if overrides.container.is_none() && !candidates.iter().any(|candidate| candidate.ours) {
        candidates.retain(|candidate| !candidate.what.3);
    }
    if candidates.is_empty() {
        return Err(no_container(file, &all));
    }
    let Chosen { path, what: (container, pod, object, is_sidecar), said } =
        choose(file, overrides.container.as_deref(), candidates)?;
    in_their_places(object, &pod)?;
    whole(&pod)?;
    let number = pod.get(FIELD);
    let grace = match &number {
        Some(node) => not_zero(node, Duration::from_secs(node.number("of seconds")?))?,
        None => Platform::Kubernetes.grace_period(),
    };
    let mut notes = Vec::new();
    if is_sidecar && overrides.pre_stop.is_none() {
        return Err(after_the_others(&container, &path[2], overrides));
    }
    let spent = prestop::spent(&container, grace, overrides)?;
    for other in pod.items_at("containers")?.iter().chain(&pod.items_at("initContainers")?) {
        let name = other.text_at("name")?.unwrap_or_default();
        if let Some(hook) = other.find(&["lifecycle", "preStop"]).filter(|_| name != path[2]) {
            notes.push(format!(
                "{}: the preStop of `{name}` runs beside, and takes no time of ours",
                hook.place()
            ));
        }
    }
    probes(&container, grace, &mut notes)?;
    let mut deployment = Deployment::new(
        Platform::Kubernetes,
        Some(grace),
        setting(FIELD, number.as_ref(), &pod, |time| format!("{FIELD}: {}", time.as_secs())),
        format!("env of `{}`, {}", path[2], container.place()),
    );
    deployment.chosen = said;
    deployment.spent = spent;
    if let Some(lifecycle) = container.get("lifecycle") {
        deployment.stop_signals.extend(signal(&lifecycle, &pod)?);
    }
    deployment.variables =
        environment::variables(&container, &config.in_sight(object), &mut notes)?;
    deployment.notes = notes;
    dockerfile::complete(
        &mut deployment,
        beside.image(),
        words(&container, "command")?,
        words(&container, "args")?,
    )?;
    Ok(deployment)
}

/// The containers of a pod that live as long as it does, and whether each is a native sidecar.
fn containers<'d>(pod: &Node<'d>) -> Result<Vec<(Node<'d>, bool)>, ManifestError> {
    let mut containers = Vec::new();
    for container in pod.items_at("containers")? {
        containers.push((container, false));
    }
    for container in pod.items_at("initContainers")? {
        if container.text_at("restartPolicy")?.as_deref() == Some("Always") {
            containers.push((container, true));
        }
    }
    Ok(containers)
}

/// An error where Kubernetes would refuse a container, or where this is only a patch of one.
fn whole(pod: &Node) -> Result<(), ManifestError> {
    for container in pod.items_at("containers")?.iter().chain(&pod.items_at("initContainers")?) {
        for field in ["name", "image"] {
            if container.text_at(field)?.is_none_or(|text| text.is_empty()) {
                return Err(container.wrong(format!(
                    "it has no `{field}`, so Kubernetes refuses it, or this is a patch: render the whole first, with \
                     `kustomize build`, and check what comes out"
                )));
            }
        }
    }
    Ok(())
}

/// A sidecar is told to stop when the main containers are gone, and nobody knows when that is.
fn after_the_others(container: &Node, name: &str, overrides: &Overrides) -> ManifestError {
    let say = asked(overrides, "Manifest::pre_stop", "LIFECYCLE_MANIFEST_PRE_STOP=10s");
    container.wrong(format!(
        "`{name}` is a native sidecar: it is told to stop after the main containers are gone, and how long they take \
         is time that it does not have: say it with `{say}`"
    ))
}

/// The stop signal of a container, which Kubernetes takes where it knows the operating system.
fn signal(lifecycle: &Node, pod: &Node) -> Result<Option<StopSignal>, ManifestError> {
    let Some(signal) = stop_signal(lifecycle, "stopSignal")? else { return Ok(None) };
    let node = lifecycle.get("stopSignal").unwrap_or_else(|| lifecycle.clone());
    let known = signal.name.strip_prefix("SIG").is_some_and(|_| is_signal(&signal.name));
    if !known {
        return Err(node.wrong(format!(
            "found {}, which Kubernetes does not know: write SIGTERM, in capitals",
            node.found()
        )));
    }
    if pod.find(&["os", "name"]).is_none() {
        return Err(node.wrong(format!(
            "Kubernetes refuses it without `os: {{name: linux}}` in the spec of the pod ({})",
            pod.place()
        )));
    }
    Ok(Some(signal))
}

/// An error where a field that matters for the stop stands where nobody reads it.
fn in_their_places(object: &Node, pod: &Node) -> Result<(), ManifestError> {
    let grace = format!("{}.{FIELD}", pod.path());
    // That of the pod itself is none.
    let is_of_container = |path: &str| {
        let around = path.rsplit_once('.').map_or("", |(around, _)| around);
        around.strip_suffix(".lifecycle").is_some_and(|container| container.ends_with(']'))
    };
    let is_of_probe = |path: &str| is_in(path, "livenessProbe") || is_in(path, "startupProbe");
    let watched = [
        Watched {
            name: FIELD,
            also: &["terminationGracePeriod", "gracePeriodSeconds", "stopGracePeriodSeconds"],
            belongs: format!("`{}` ({})", pod.path().trim_start_matches('.'), pod.place()),
            counts: &|path| path == grace || is_of_probe(path),
        },
        Watched {
            name: "preStop",
            also: &["preStopHook"],
            belongs: "`lifecycle` of the container".to_owned(),
            counts: &is_of_container,
        },
        Watched {
            name: "stopSignal",
            also: &[],
            belongs: "`lifecycle` of the container".to_owned(),
            counts: &is_of_container,
        },
    ];
    misplaced::check(
        object,
        &watched,
        &["metadata", "status", "data", "annotations", "labels", "env"],
    )
}

/// The objects of a document: one, or those of a list.
fn objects(root: Node) -> Result<Vec<Node>, ManifestError> {
    let is_list = root.text_at("kind")?.is_some_and(|kind| kind.ends_with("List"));
    match root.get("items").filter(|_| is_list) {
        Some(items) => items.items(),
        None => Ok(vec![root]),
    }
}

/// What an object's pods are made of.
fn pod<'d>(object: &Node<'d>, overrides: &Overrides) -> Result<Option<Node<'d>>, ManifestError> {
    if let Some(version) = object.get("apiVersion").filter(|_| object.get("spec").is_some()) {
        let group = version.text()?;
        if ["serving.knative.dev/", "run.googleapis.com/"]
            .iter()
            .any(|known| group.starts_with(known))
        {
            return Err(version.wrong(served(object, &group, overrides)?));
        }
    }
    if object.text_at("kind")?.as_deref() == Some("Template") && object.get("objects").is_some() {
        let kind = object.get("kind").unwrap_or_else(|| object.clone());
        return Err(kind.wrong(
            "a template of OpenShift: render it first, with `oc process -f` and this file, and check what comes out",
        ));
    }
    Ok(match object.text_at("kind")?.as_deref() {
        Some("Pod") => object.get("spec"),
        Some("CronJob") => object.find(&["spec", "jobTemplate", "spec", "template", "spec"]),
        _ => {
            object.find(&["spec", "template", "spec"]).filter(|pod| pod.get("containers").is_some())
        }
    })
}

/// Why a service of Knative or Cloud Run is not read.
fn served(object: &Node, group: &str, overrides: &Overrides) -> Result<String, ManifestError> {
    let on_cloud_run = group.starts_with("run.googleapis.com/")
        || object.find(&["metadata", "annotations"]).is_some_and(|annotations| {
            annotations.entries().is_ok_and(|all| {
                all.iter().any(|(name, _)| name.starts_with("run.googleapis.com/"))
            })
        });
    if on_cloud_run {
        let how = asked(
            overrides,
            "plan.fits(Platform::CloudRun)",
            "LIFECYCLE_PLAN=check LIFECYCLE_GRACE_PERIOD=10s",
        );
        return Ok(format!(
            "found {group}: Cloud Run grants 10s, whatever is written: check with `{how}`, without a manifest"
        ));
    }
    let timeout = object.find(&["spec", "template", "spec", "timeoutSeconds"]);
    let grants = match &timeout {
        Some(node) => format!("timeoutSeconds: {} ({})", node.number("of seconds")?, node.place()),
        None => "`timeoutSeconds`, 300 where it is not written".to_owned(),
    };
    let how =
        asked(overrides, "plan.fits(duration)", "LIFECYCLE_PLAN=check LIFECYCLE_GRACE_PERIOD=60s");
    Ok(format!(
        "found {group}: Knative grants {grants}, less what its queue-proxy takes to drain, which no file says: check \
         with what is left of it, as in `{how}`, without a manifest"
    ))
}

fn name(object: &Node) -> Result<Option<String>, ManifestError> {
    object.find(&["metadata", "name"]).map(|name| name.text()).transpose()
}

fn no_container(file: &str, objects: &[Node]) -> ManifestError {
    let shown = |object: &Node| {
        let kind = object.text_at("kind").ok().flatten().unwrap_or_else(|| "nothing".to_owned());
        let name = name(object).ok().flatten().unwrap_or_default();
        format!("{kind} `{name}` (line {})", object.place().line)
    };
    let mut all: Vec<_> = objects.iter().take(10).map(shown).collect();
    if objects.len() > all.len() {
        all.push(format!("and {} more", objects.len() - all.len()));
    }
    ManifestError::new(format!(
        "{file}: no container in it, only {}; name a file with a Pod, or with a pod template at \
         spec.template.spec.containers",
        all.join(", ")
    ))
}

/// After a probe has failed the pod may have less time.
fn probes(container: &Node, grace: Duration, notes: &mut Vec<String>) -> Result<(), ManifestError> {
    for probe in ["livenessProbe", "startupProbe"] {
        let Some(node) = container.find(&[probe, FIELD]) else { continue };
        let less = Duration::from_secs(node.number("of seconds")?);
        if less < grace {
            notes.push(format!(
                "{}: after a failed {probe} only {} are granted, which is not checked",
                node.place(),
                display(less)
            ));
        }
    }
    Ok(())
}
