//! The files that compose merges into one, and the layers that a service has of them.

use std::path::{Path, PathBuf};

use lifecycle_core::ext::ManifestError;

use super::{
    super::{
        document::{Document, Node},
        input, kind,
    },
    RENDER,
};

/// Those that compose takes by itself when it is given no file, and the overrides that it looks for then.
const MAIN: [&str; 4] =
    ["compose.yaml", "compose.yml", "docker-compose.yml", "docker-compose.yaml"];
const OVERRIDES: [&str; 4] = [
    "compose.override.yml",
    "compose.override.yaml",
    "docker-compose.override.yml",
    "docker-compose.override.yaml",
];

/// More files than anybody includes, and fewer than a circle has.
const MOST: usize = 64;

/// The files of a project.
pub(super) struct Files<'d> {
    main: (&'d Document, PathBuf),
    /// What overrides it, in order; then what is included and extended, wherever.
    others: Vec<(PathBuf, Document)>,
    overrides: usize,
    /// Which of the others are included: their services are the project's.
    included: Vec<usize>,
}

/// What a file says of a service, the later over the earlier.
#[derive(Clone)]
pub(super) struct Service<'d> {
    /// Where its name stands first.
    own: Node<'d>,
    layers: Vec<Node<'d>>,
}

impl<'d> Files<'d> {
    /// All that counts beside `document`, which stands in the file at `path`.
    pub(super) fn read(
        path: &Path,
        document: &'d Document,
        beside: &[(PathBuf, String)],
    ) -> Result<Self, ManifestError> {
        let mut files = Self {
            main: (document, path.to_owned()),
            others: Vec::new(),
            overrides: 0,
            included: Vec::new(),
        };
        for (path, text) in beside {
            files.others.push((path.clone(), kind::document(path, text)?));
        }
        let folder = path.parent().unwrap_or_else(|| Path::new(""));
        let is_main = path.file_name().is_some_and(|name| MAIN.iter().any(|main| name == *main));
        let found = OVERRIDES.map(|name| folder.join(name)).into_iter().find(|path| path.is_file());
        if let Some(path) = found.filter(|_| is_main && beside.is_empty()) {
            let document = kind::document(&path, &input::read(&path)?)?;
            files.others.push((path, document));
        }
        files.overrides = files.others.len();
        files.follow()?;
        Ok(files)
    }

    /// Reads what is included and extended.
    fn follow(&mut self) -> Result<(), ManifestError> {
        let mut at = 0;
        while at <= self.others.len() {
            let (path, document) = match at.checked_sub(1) {
                None => (self.main.1.as_path(), self.main.0),
                Some(at) => (self.others[at].0.as_path(), &self.others[at].1),
            };
            let folder = path.parent().unwrap_or_else(|| Path::new("")).to_owned();
            let mut named = Vec::new();
            for root in document.roots() {
                named.extend(included(&root)?.into_iter().map(|found| (found, true)));
                named.extend(extended(&root)?.into_iter().map(|found| (found, false)));
            }
            let mut read = Vec::new();
            for ((name, place), is_included) in named {
                let path = folder.join(&name);
                if path == self.main.1 || self.others.iter().any(|(known, _)| *known == path) {
                    continue;
                }
                if name.contains("://")
                    || name.starts_with("oci:")
                    || name.contains('$')
                    || !path.is_file()
                {
                    return Err(ManifestError::new(format!(
                        "{place}: `{name}` is no file here, and the service may be in it: {RENDER}"
                    )));
                }
                read.push((
                    path.clone(),
                    kind::document(&path, &input::read(&path)?)?,
                    is_included,
                ));
            }
            for (path, document, is_included) in read {
                if self.others.iter().any(|(known, _)| *known == path) {
                    continue;
                }
                if is_included {
                    self.included.push(self.others.len());
                }
                self.others.push((path, document));
            }
            if self.others.len() > MOST {
                return Err(ManifestError::new(format!(
                    "{}: it includes more than {MOST} files: {RENDER}",
                    self.main.1.display()
                )));
            }
            at += 1;
        }
        Ok(())
    }

    /// Those that are merged, the later over the earlier.
    fn merged(&'d self) -> impl Iterator<Item = (&'d Path, &'d Document)> {
        let other = |at: usize| (self.others[at].0.as_path(), &self.others[at].1);
        let main = (self.main.1.as_path(), self.main.0);
        let included = self.included.iter().map(move |at| other(*at));
        included.chain([main]).chain((0..self.overrides).map(other))
    }

    /// The services by their names, in the order in which they come.
    pub(super) fn services(&'d self) -> Result<Vec<(String, Service<'d>)>, ManifestError> {
        let mut services: Vec<(String, Service)> = Vec::new();
        let mut at = std::collections::HashMap::new();
        for (path, document) in self.merged() {
            for root in document.roots() {
                let Some(all) = root.get("services") else { continue };
                for (name, node) in all.entries()? {
                    if node.is_null() {
                        continue;
                    }
                    let mut layers = Vec::new();
                    self.layers(path, &root, &node, &mut layers)?;
                    let index = *at.entry(name.clone()).or_insert_with(|| {
                        services.push((name, Service { own: node.clone(), layers: Vec::new() }));
                        services.len() - 1
                    });
                    services[index].1.layers.extend(layers);
                }
            }
        }
        Ok(services)
    }

    /// What a service says, behind what it extends.
    fn layers(
        &'d self,
        path: &Path,
        root: &Node<'d>,
        service: &Node<'d>,
        layers: &mut Vec<Node<'d>>,
    ) -> Result<(), ManifestError> {
        if layers.len() > MOST {
            return Err(service.wrong("it extends itself: take one `extends` out"));
        }
        layers.push(service.clone());
        if let Some(extends) = service.get("extends") {
            let (file, base) = match extends.is_mapping() {
                true => (extends.text_at("file")?, extends.text_at("service")?.unwrap_or_default()),
                false => (None, extends.text()?),
            };
            let missing = || extends.wrong(format!("there is no service `{base}` there: {RENDER}"));
            match file {
                None => {
                    let node = root.find(&["services", &base]).ok_or_else(missing)?;
                    self.layers(path, root, &node, layers)?;
                }
                Some(file) => {
                    let path = path.parent().unwrap_or_else(|| Path::new("")).join(file);
                    let document = if path == self.main.1 {
                        Some(self.main.0)
                    } else {
                        let known = self.others.iter().find(|(known, _)| *known == path);
                        known.map(|(_, document)| document)
                    };
                    let root = document.and_then(|document| document.roots().next());
                    let root = root.ok_or_else(missing)?;
                    let node = root.find(&["services", &base]).ok_or_else(missing)?;
                    self.layers(&path, &root, &node, layers)?;
                }
            }
        }
        if layers.first().is_some_and(|first| first.is_same(service)) {
            layers.reverse();
        }
        Ok(())
    }
}

/// The files that `root` includes, with where it says so.
fn included(root: &Node) -> Result<Vec<(String, String)>, ManifestError> {
    let mut files = Vec::new();
    for include in root.items_at("include")? {
        let paths = if include.is_mapping() {
            match include.get("path") {
                Some(path) if path.is_list() => path.items()?,
                Some(path) => vec![path],
                None => Vec::new(),
            }
        } else {
            vec![include]
        };
        for path in paths {
            files.push((path.text()?, path.place().to_string()));
        }
    }
    Ok(files)
}

/// The files that services of `root` extend, with where they say so.
fn extended(root: &Node) -> Result<Vec<(String, String)>, ManifestError> {
    let mut files = Vec::new();
    let Some(services) = root.get("services") else { return Ok(files) };
    for (_, service) in services.entries()? {
        if let Some(file) = service.find(&["extends", "file"]) {
            files.push((file.text()?, format!("{}: {}", file.place(), file.path())));
        }
    }
    Ok(files)
}

impl<'d> Service<'d> {
    /// Where it stands first, whatever it extends.
    pub(super) const fn own(&self) -> &Node<'d> {
        &self.own
    }

    pub(super) fn layers(&self) -> impl Iterator<Item = &Node<'d>> {
        self.layers.iter()
    }

    /// What the last layer that has `key` says, unless `!reset` takes it away.
    pub(super) fn get(&self, key: &str) -> Option<Node<'d>> {
        let found = self.layers.iter().rev().find_map(|layer| layer.get_even_null(key));
        found.filter(|node| node.tag() != Some("!reset") && !node.is_null())
    }

    /// What each layer says, as far as a later one does not replace it.
    pub(super) fn each(&self, key: &str) -> impl Iterator<Item = Node<'d>> {
        let mut found: Vec<Node> = Vec::new();
        for node in self.layers.iter().filter_map(|layer| layer.get_even_null(key)) {
            if matches!(node.tag(), Some("!reset" | "!override")) {
                found.clear();
            }
            if node.tag() != Some("!reset") && !node.is_null() {
                found.push(node);
            }
        }
        found.into_iter()
    }
}
