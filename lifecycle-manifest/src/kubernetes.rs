//! Pods, and whatever has a template of pods.

use std::time::Duration;

use lifecycle_core::{
    Platform,
    ext::{Deployment, ManifestError, Overrides},
};
use lifecycle_duration::display;

use super::{
    choose::{Candidate, Chosen, choose},
    document::{Document, Node},
    environment,
    field::{not_zero, setting, stop_signal},
    prestop,
};

const FIELD: &str = "terminationGracePeriodSeconds";

pub(super) fn read(
    file: &str,
    document: &Document,
    overrides: &Overrides,
) -> Result<Deployment, ManifestError> {
    let mut all = Vec::new();
    for root in document.roots() {
        all.extend(objects(root)?);
    }
    let config = environment::ConfigMaps::of(&all);
    let mut candidates = Vec::new();
    for object in &all {
        let Some(pod) = pod(object)? else { continue };
        let in_sight = config.in_sight(object);
        for container in pod.items_at("containers")? {
            let names = [object.text_at("kind")?, name(object)?, container.text_at("name")?];
            candidates.push(Candidate {
                path: names.into_iter().map(Option::unwrap_or_default).collect(),
                ours: environment::is_ours(&container, &in_sight)?,
                what: (container, pod.clone(), object),
            });
        }
    }
    if candidates.is_empty() {
        return Err(no_container(file, &all));
    }
    let Chosen { path, what: (container, pod, object), said } =
        choose(file, overrides.container.as_deref(), candidates)?;
    let number = pod.get(FIELD);
    let grace = match &number {
        Some(node) => not_zero(node, Duration::from_secs(node.number("of seconds")?))?,
        None => Platform::Kubernetes.grace_period(),
    };
    let mut notes = Vec::new();
    let spent = prestop::spent(&container, grace, overrides.pre_stop)?;
    for other in pod.items_at("containers")?.iter().chain(&pod.items_at("initContainers")?) {
        let name = other.text_at("name")?.unwrap_or_default();
        if name != path[2]
            && let Some(hook) = other.find(&["lifecycle", "preStop"])
        {
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
    deployment.stop_signal = container
        .get("lifecycle")
        .map(|lifecycle| stop_signal(&lifecycle, "stopSignal"))
        .transpose()?
        .flatten();
    deployment.variables =
        environment::variables(&container, &config.in_sight(object), &mut notes)?;
    deployment.notes = notes;
    Ok(deployment)
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
fn pod<'d>(object: &Node<'d>) -> Result<Option<Node<'d>>, ManifestError> {
    if let Some(version) = object.get("apiVersion").filter(|_| object.get("spec").is_some()) {
        let group = version.text()?;
        if ["serving.knative.dev/", "run.googleapis.com/"]
            .iter()
            .any(|known| group.starts_with(known))
        {
            return Err(version.wrong(format!(
                "found {group}, which does not say how long the service has: check it with \
                 `plan.fits(Platform::CloudRun)`, or for Knative with a duration"
            )));
        }
    }
    Ok(match object.text_at("kind")?.as_deref() {
        Some("Pod") => object.get("spec"),
        Some("CronJob") => object.find(&["spec", "jobTemplate", "spec", "template", "spec"]),
        _ => {
            object.find(&["spec", "template", "spec"]).filter(|pod| pod.get("containers").is_some())
        }
    })
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
