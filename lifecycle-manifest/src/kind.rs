//! What kind of manifest a file is.

use std::{fs, io, path::Path};

use lifecycle_core::ext::{Deployment, ManifestError, Overrides};

use super::{compose, document::Document, ecs, kubernetes, nomad, systemd};

const KNOWN: &str = "known are manifests of Kubernetes (`kind`), task definitions of ECS (`containerDefinitions`), \
                     compose files (`services`), jobs of Nomad in JSON (`Job`, `job`) and units of systemd (.service)";

/// What the file at `path` says of the container that is given, or of the one it can only be.
pub(super) fn read(path: &Path, overrides: &Overrides) -> Result<Deployment, ManifestError> {
    let file = path.display().to_string();
    let text = contents(path, &file)?;
    parse(path, &text, overrides)
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
    match extension.as_str() {
        _ if text.trim().is_empty() => {
            Err(ManifestError::new(format!("{file}: the file is empty")))
        }
        "service" => systemd::read(path, text, overrides),
        "hcl" | "nomad" if !text.trim_start().starts_with('{') => Err(ManifestError::new(format!(
            "{file}: HCL is not read; `nomad job run -output {file} > job.json` makes JSON of a job"
        ))),
        "tf" => Err(ManifestError::new(format!("{file}: Terraform is not read; {KNOWN}"))),
        _ => {
            let document = match extension.as_str() {
                "json" => Document::parse_json(&file, text)?,
                "yaml" | "yml" => Document::parse(&file, text)?,
                _ => Document::parse(&file, text).map_err(|_| {
                    ManifestError::new(format!("{file}: this is neither YAML nor JSON; {KNOWN}"))
                })?,
            };
            by_content(path, &file, &document, overrides)
        }
    }
}

fn by_content(
    path: &Path,
    file: &str,
    document: &Document,
    overrides: &Overrides,
) -> Result<Deployment, ManifestError> {
    let Some(first) = &document.roots().next() else {
        return Err(ManifestError::new(format!("{file}: it has nothing but comments")));
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
        kubernetes::read(file, document, overrides)
    } else if has(&["containerDefinitions"]) || has(&["taskDefinition", "containerDefinitions"]) {
        ecs::read(file, first, overrides)
    } else if first.get("services").is_some_and(|services| services.is_mapping()) {
        compose::read(file, first, overrides)
    } else if has(&["Job", "TaskGroups"]) || has(&["TaskGroups"]) || has(&["job"]) {
        nomad::read(file, first, overrides)
    } else {
        Err(ManifestError::new(format!("{}: what this is cannot be told; {KNOWN}", first.place())))
    }
}

fn contents(path: &Path, file: &str) -> Result<String, ManifestError> {
    fs::read_to_string(path).map_err(|error| {
        let here = std::env::current_dir().unwrap_or_default();
        let looked_in = match error.kind() {
            io::ErrorKind::NotFound if path.is_relative() => format!(" in {}", here.display()),
            _ => String::new(),
        };
        ManifestError::new(format!("{file}: {error}{looked_in}"))
    })
}
