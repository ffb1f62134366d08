//! What kind of manifest a file is, and what is given beside it.

use std::path::{Path, PathBuf};

use lifecycle_core::ext::{Deployment, ManifestError, Overrides};

use super::{
    compose, copilot,
    dockerfile::{self, Dockerfile, Image},
    document::{Document, Node},
    ecs, input, kubernetes, nomad, quadlet, systemd,
};

const KNOWN: &str = "known are manifests of Kubernetes (`kind`), task definitions of ECS (`containerDefinitions`, or \
                     the list of them) and CloudFormation (`Resources`), compose files (`services`), jobs of Nomad in \
                     JSON (`Job`, `job`), units of systemd (.service) and quadlets (.container)";

/// What the file at `path` says of the container that is given, or of the one it can only be.
pub(super) fn read(path: &Path, overrides: &Overrides) -> Result<Deployment, ManifestError> {
    parse(path, &input::read(path)?, overrides)
}

/// The files that are given beside the first.
pub(super) struct Beside {
    pub(super) dockerfile: Option<Dockerfile>,
    pub(super) others: Vec<(PathBuf, String)>,
}

impl Beside {
    fn read(overrides: &Overrides) -> Result<Self, ManifestError> {
        let mut beside = Self { dockerfile: None, others: Vec::new() };
        for path in &overrides.beside {
            let text = input::read(path)?;
            if !dockerfile::is_dockerfile(path, &text) {
                beside.others.push((path.clone(), text));
            } else if beside.dockerfile.is_none() {
                beside.dockerfile = Some(dockerfile::read(path, &text)?);
            } else {
                return Err(ManifestError::new(format!(
                    "{}: a second Dockerfile: name that of the service alone",
                    path.display()
                )));
            }
        }
        Ok(beside)
    }

    /// What the Dockerfile makes, where one is given.
    pub(super) fn image(&self) -> Option<&Image> {
        self.dockerfile.as_ref().map(Dockerfile::image)
    }

    /// An error where there is more than a Dockerfile, for what is one file.
    fn only_an_image(&self, file: &str) -> Result<Option<&Image>, ManifestError> {
        match self.others.first() {
            Some((path, _)) => Err(ManifestError::new(format!(
                "{}: it is not read beside {file}: take it out; only a Dockerfile may stand there",
                path.display()
            ))),
            None => Ok(self.image()),
        }
    }
}

/// The same of `text`, which stands in the file at `path`.
pub(super) fn parse(
    path: &Path,
    text: &str,
    overrides: &Overrides,
) -> Result<Deployment, ManifestError> {
    let file = path.display().to_string();
    let text = text.strip_prefix('\u{feff}').unwrap_or(text);
    let extension = path.extension().unwrap_or_default().to_string_lossy().to_lowercase();
    let beside = Beside::read(overrides)?;
    match extension.as_str() {
        _ if text.trim().is_empty() => Err(ManifestError::new(format!(
            "{file}: the file is empty; name the one that has the service"
        ))),
        "service" => systemd::read(path, text, overrides, beside.only_an_image(&file)?),
        "container" => quadlet::read(path, text, overrides, beside.only_an_image(&file)?),
        "hcl" | "nomad" if !text.trim_start().starts_with('{') => Err(ManifestError::new(format!(
            "{file}: HCL is not read; `nomad job run -output {file} > job.json` makes JSON of a job"
        ))),
        "tf" => Err(ManifestError::new(format!("{file}: Terraform is not read; {KNOWN}"))),
        "kube" | "pod" | "image" | "build" | "volume" | "network" => {
            Err(quadlet::runs_nothing(&file, &extension))
        }
        _ if dockerfile::is_dockerfile(path, text) => Err(ManifestError::new(format!(
            "{file}: a Dockerfile does not say how long the service has: name what deploys the image first, as in \
             `deploy/k8s.yaml,{file}`"
        ))),
        _ => {
            let document = match extension.as_str() {
                "json" => Document::parse_json(&file, text)?,
                "yaml" | "yml" => Document::parse(&file, text)?,
                _ => Document::parse(&file, text).map_err(|_| {
                    ManifestError::new(format!("{file}: this is neither YAML nor JSON; {KNOWN}"))
                })?,
            };
            by_content(path, &file, &document, &beside, overrides)
        }
    }
}

/// The document of a file beside the first.
pub(super) fn document(path: &Path, text: &str) -> Result<Document, ManifestError> {
    let file = path.display().to_string();
    let text = text.strip_prefix('\u{feff}').unwrap_or(text);
    if path.extension().is_some_and(|extension| extension == "json") {
        Document::parse_json(&file, text)
    } else {
        Document::parse(&file, text)
    }
}

fn by_content(
    path: &Path,
    file: &str,
    document: &Document,
    beside: &Beside,
    overrides: &Overrides,
) -> Result<Deployment, ManifestError> {
    let Some(first) = &document.roots().next() else {
        return Err(ManifestError::new(format!(
            "{file}: it has nothing but comments; name the file that has the service"
        )));
    };
    let has = |keys: &[&str]| first.find(keys).is_some();
    let kind = first.text_at("kind").ok().flatten();
    let stem = path.file_stem().unwrap_or_default().to_string_lossy().to_lowercase();
    if stem == "kustomization" || kind.as_deref() == Some("Kustomization") {
        let folder = path
            .parent()
            .filter(|folder| !folder.as_os_str().is_empty())
            .unwrap_or_else(|| Path::new("."));
        return Err(ManifestError::new(format!(
            "{file}: a kustomization is not a manifest: render it first, with `kustomize build {}`, and check \
             what comes out",
            folder.display()
        )));
    }
    if has(&["kind"]) {
        kubernetes::read(file, document, beside, overrides)
    } else if has(&["containerDefinitions"])
        || has(&["taskDefinition", "containerDefinitions"])
        || is_list_of_containers(first)
    {
        ecs::read(file, first, overrides, beside.only_an_image(file)?)
    } else if has(&["Resources"]) {
        ecs::of_cloud_formation(file, first, overrides, beside.only_an_image(file)?)
    } else if let Some(why) = copilot::refusal(first) {
        Err(why)
    } else if first.get("services").is_some_and(|services| services.is_mapping())
        || has(&["include"])
    {
        compose::read(path, document, beside, overrides)
    } else if has(&["Job", "TaskGroups"]) || has(&["TaskGroups"]) || has(&["job"]) {
        nomad::read(file, first, overrides, beside.only_an_image(file)?)
    } else {
        Err(ManifestError::new(format!("{}: what this is cannot be told; {KNOWN}", first.place())))
    }
}

/// The list that a task definition has at `containerDefinitions`, as Terraform's `jsonencode` prints it.
fn is_list_of_containers(root: &Node) -> bool {
    let first = root.is_list().then(|| root.items().ok()?.into_iter().next()).flatten();
    first.is_some_and(|first| first.get("name").is_some() && first.get("image").is_some())
}
