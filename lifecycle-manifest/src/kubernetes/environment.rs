//! The environment of a Kubernetes container, with what config maps of the same file put into it.

use std::collections::HashMap;

use lifecycle_core::ext::{ManifestError, Variable};

use super::super::{
    document::Node,
    field::{self, not_here, ours},
};

/// The config maps of a file, by namespace and name.
pub(super) struct ConfigMaps<'d>(HashMap<(String, String), Node<'d>>);

/// Those that a pod sees: the ones of its own namespace.
pub(super) struct InSight<'m, 'd> {
    maps: &'m ConfigMaps<'d>,
    namespace: String,
}

impl<'d> ConfigMaps<'d> {
    pub(super) fn of(objects: &[Node<'d>]) -> Self {
        let maps = objects.iter().filter_map(|object| {
            let kind = object.text_at("kind").ok()??;
            let name = object.find(&["metadata", "name"])?.text().ok()?;
            (kind == "ConfigMap")
                .then(|| Some(((namespace(object)?, name), object.get("data")?)))?
        });
        Self(maps.collect())
    }

    /// Those that the pods of `object` see.
    pub(super) fn in_sight(&self, object: &Node) -> InSight<'_, 'd> {
        InSight { maps: self, namespace: namespace(object).unwrap_or_default() }
    }
}

impl<'d> InSight<'_, 'd> {
    /// The data of the map that `reference` names.
    fn get(&self, reference: &Node) -> Result<Option<&Node<'d>>, ManifestError> {
        let name = reference.text_at("name")?;
        Ok(name.and_then(|name| self.maps.0.get(&(self.namespace.clone(), name))))
    }
}

/// Where none is written it is the same for all: that of who applies the file.
fn namespace(object: &Node) -> Option<String> {
    object
        .find(&["metadata", "namespace"])
        .map_or_else(|| Some(String::new()), |namespace| namespace.text().ok())
}

/// Whether `container` has a variable of the library, as far as this file tells.
pub(super) fn is_ours(container: &Node, maps: &InSight) -> Result<bool, ManifestError> {
    for variable in container.items_at("env")? {
        if variable.text_at("name")?.is_some_and(|name| field::is_ours(&name)) {
            return Ok(true);
        }
    }
    Ok(!from_maps(container, maps, &mut Vec::new())?.is_empty())
}

/// The variables of the library. `env` comes last, as it has the last word.
pub(super) fn variables(
    container: &Node,
    maps: &InSight,
    notes: &mut Vec<String>,
) -> Result<Vec<Variable>, ManifestError> {
    let mut variables = from_maps(container, maps, notes)?;
    for variable in container.items_at("env")? {
        let Some(name) = variable.text_at("name")? else {
            return Err(variable
                .wrong("a variable without a name, which Kubernetes refuses: write its `name`"));
        };
        if field::is_ours(&name) {
            variables.extend(single(&variable, name, maps)?);
        }
    }
    Ok(variables)
}

fn single(
    variable: &Node,
    name: String,
    maps: &InSight,
) -> Result<Option<Variable>, ManifestError> {
    let from = variable.get("valueFrom");
    let value = variable.get("value");
    // An empty value gives way to another source.
    let value =
        value.filter(|value| from.is_none() || value.text().is_ok_and(|text| !text.is_empty()));
    if let Some(value) = value {
        if !value.is_text() {
            return Err(value.wrong(format!(
                "found {}, Kubernetes takes text only: put it in quotes",
                value.found()
            )));
        }
        if value.text()?.contains("$(") {
            return Err(value.wrong(format!(
                "found {}, where Kubernetes puts another variable in: write it out",
                value.found()
            )));
        }
        return ours(name, &value);
    }
    let Some(from) = from else {
        // Without a value it is empty, and has the last word all the same.
        return Ok(Some(Variable {
            name,
            value: String::new(),
            place: variable.place().to_string(),
        }));
    };
    let reference = from.get("configMapKeyRef");
    let key = reference.as_ref().map(|reference| reference.text_at("key")).transpose()?.flatten();
    let map = reference.as_ref().map(|reference| maps.get(reference)).transpose()?.flatten();
    match map.zip(key).and_then(|(map, key)| map.get(&key)) {
        Some(value) => ours(name, &value),
        None => {
            let sources = from.entries()?;
            let whence = sources.first().map_or("valueFrom", |(source, _)| source.as_str());
            Err(not_here(&from.place(), &name, whence))
        }
    }
}

/// What `envFrom` brings; what is not in this file is noted.
fn from_maps(
    container: &Node,
    maps: &InSight,
    notes: &mut Vec<String>,
) -> Result<Vec<Variable>, ManifestError> {
    let mut variables = Vec::new();
    for source in container.items_at("envFrom")? {
        let prefix = source.text_at("prefix")?.unwrap_or_default();
        let map =
            source.get("configMapRef").map(|reference| maps.get(&reference)).transpose()?.flatten();
        let Some(map) = map else {
            notes.push(format!(
                "{}: envFrom is not in this file, LIFECYCLE_* in it are not known: write these in `env`",
                source.place()
            ));
            continue;
        };
        for (key, value) in map.entries()? {
            variables.extend(ours(format!("{prefix}{key}"), &value)?);
        }
    }
    Ok(variables)
}
