//! YAML and JSON with the line of every value. JSON is read as the YAML that it is.

use std::{collections::HashSet, fmt::Display};

use lifecycle_core::ext::ManifestError;

use super::{
    json,
    place::Place,
    yaml::{self, Kind, Yaml},
};

/// The documents of a file.
pub(super) struct Document {
    file: String,
    roots: Vec<Yaml>,
}

impl Document {
    /// Reads `text`, and refuses what is only a template of a manifest.
    pub(super) fn parse(file: &str, text: &str) -> Result<Self, ManifestError> {
        let roots =
            yaml::load(text).map_err(|error| broken(file, text, error.line, &error.what))?;
        match roots.iter().find_map(template) {
            Some(line) => Err(ManifestError::new(format!(
                "{file}:{line}: `{{{{` begins a template: {RENDER}"
            ))),
            None => Ok(Self { file: file.to_owned(), roots }),
        }
    }

    /// Reads `text` as JSON, which is less than YAML.
    pub(super) fn parse_json(file: &str, text: &str) -> Result<Self, ManifestError> {
        json::check(text).map_err(|(line, what)| broken(file, text, line, &what))?;
        Self::parse(file, &json::as_yaml(text))
    }

    /// The documents that say something.
    pub(super) fn roots(&self) -> impl Iterator<Item = Node<'_>> {
        self.roots
            .iter()
            .map(|yaml| Node { document: self, path: String::new(), yaml, key_line: yaml.line })
            .filter(|root| !root.is_null())
    }
}

const RENDER: &str = "render it first, a Helm chart with `helm template`, and check what comes out";

/// What is wrong with a file as a whole.
fn broken(file: &str, text: &str, line: usize, what: &str) -> ManifestError {
    let template =
        text.lines().position(|line| line.contains("{{")).map_or_else(String::new, |at| {
            format!("; line {} has the `{{{{` of a template: {RENDER}", at + 1)
        });
    ManifestError::new(format!("{file}:{line}: {what}{template}"))
}

/// The line of the first `{{ … }}` that stands where a value should: to YAML it is a mapping whose key is a
/// mapping.
fn template(yaml: &Yaml) -> Option<usize> {
    if let Some(mapping) = yaml.mapping() {
        return mapping.entries.iter().find_map(|(key, value)| {
            if key.mapping().is_some() { Some(key.line) } else { template(value) }
        });
    }
    yaml.list()?.iter().find_map(template)
}

/// A value of a document.
#[derive(Clone)]
pub(super) struct Node<'d> {
    document: &'d Document,
    /// From the root: `spec.containers[0].name`.
    path: String,
    yaml: &'d Yaml,
    /// Where its key stands, or it where it has none.
    key_line: usize,
}

impl<'d> Node<'d> {
    /// What `key` has here, or in what is merged here by `<<`; an explicit null is nothing.
    pub(super) fn get(&self, key: &str) -> Option<Self> {
        let own = self.yaml.mapping().and_then(|mapping| mapping.entry(key));
        let own = own.map(|(line, yaml)| self.child(key, line, yaml));
        let found = own.or_else(|| self.merged().iter().find_map(|node| node.get(key)))?;
        (!found.is_null()).then_some(found)
    }

    /// What `key` has here where it is null too and carries a tag: `!reset null`.
    pub(super) fn get_even_null(&self, key: &str) -> Option<Self> {
        let own = self.yaml.mapping().and_then(|mapping| mapping.entry(key));
        let own = own.map(|(line, yaml)| self.child(key, line, yaml));
        own.filter(|own| own.tag().is_some()).or_else(|| self.get(key))
    }

    /// Whether it is the very same value.
    pub(super) fn is_same(&self, other: &Self) -> bool {
        std::ptr::eq(self.yaml, other.yaml)
    }

    /// [`get`](Self::get), several steps deep.
    pub(super) fn find(&self, keys: &[&str]) -> Option<Self> {
        keys.iter().try_fold(self.clone(), |node, key| node.get(key))
    }

    /// The text at `key`; nothing when there is none.
    pub(super) fn text_at(&self, key: &str) -> Result<Option<String>, ManifestError> {
        self.get(key).map(|node| node.text()).transpose()
    }

    /// The items of the list at `key`; none when there is no such key.
    pub(super) fn items_at(&self, key: &str) -> Result<Vec<Self>, ManifestError> {
        self.get(key).map_or_else(|| Ok(Vec::new()), |node| node.items())
    }

    pub(super) fn items(&self) -> Result<Vec<Self>, ManifestError> {
        let Some(items) = self.yaml.list() else {
            return Err(self.wrong(format!("found {}, a list is needed", self.found())));
        };
        let item = |(at, yaml): (usize, &'d Yaml)| Self {
            path: format!("{}[{at}]", self.path),
            yaml,
            key_line: yaml.line,
            document: self.document,
        };
        Ok(items.iter().enumerate().map(item).collect())
    }

    /// What a mapping has, with what is merged into it.
    pub(super) fn entries(&self) -> Result<Vec<(String, Self)>, ManifestError> {
        let Some(mapping) = self.yaml.mapping() else {
            return Err(self.wrong(format!("found {}, a mapping is needed", self.found())));
        };
        let mut entries: Vec<(String, Self)> = Vec::with_capacity(mapping.entries.len());
        for (key, value) in &mapping.entries {
            let name = key.scalar().map(|(text, _)| text.to_owned()).unwrap_or_default();
            if name != "<<" {
                let value = self.child(&name, key.line, value);
                entries.push((name, value));
            }
        }
        let mut known: HashSet<String> = entries.iter().map(|(key, _)| key.clone()).collect();
        for merged in self.merged() {
            let inner = merged.entries()?;
            entries.extend(inner.into_iter().filter(|(key, _)| known.insert(key.clone())));
        }
        Ok(entries)
    }

    /// A scalar, as it is written.
    pub(super) fn text(&self) -> Result<String, ManifestError> {
        let scalar = self.yaml.scalar().map(|(text, _)| text.to_owned());
        scalar.ok_or_else(|| self.wrong(format!("found {}, text is needed", self.found())))
    }

    /// An error where a template would put something in.
    pub(super) fn rendered(&self) -> Result<(), ManifestError> {
        match self.yaml.scalar() {
            Some((text, _)) if text.contains("{{") => {
                Err(self.wrong(format!("found {text:?}, which is a template: {RENDER}")))
            }
            _ => Ok(()),
        }
    }

    /// An error where anything would put something in; in text it may stand for itself.
    pub(super) fn settled(&self) -> Result<(), ManifestError> {
        self.rendered()?;
        match self.yaml.scalar() {
            Some((text, _)) if text.contains("${") => Err(self.wrong(format!(
                "found {text:?}, which something else fills in: render it first, and check what comes out"
            ))),
            _ => Ok(()),
        }
    }

    /// A whole number that is not negative, and means the same to every reader of YAML.
    pub(super) fn number(&self, unit: &str) -> Result<u64, ManifestError> {
        self.settled()?;
        let Some((written, Kind::Integer)) = self.yaml.scalar() else {
            return Err(self.wrong(format!(
                "found {}, a whole number {unit} is needed, without quotes",
                self.found()
            )));
        };
        let digits = written.replace('_', "");
        let digits = digits.strip_prefix('+').unwrap_or(&digits);
        for (prefix, radix, what) in
            [("0x", 16, "hexadecimal"), ("0o", 8, "octal"), ("0b", 2, "binary")]
        {
            if let Some(rest) = digits.strip_prefix(prefix) {
                let number = u64::from_str_radix(rest, radix).unwrap_or_default();
                return Err(self.wrong(format!("found {written}, which is {what}; write {number}")));
            }
        }
        if digits.len() > 1 && digits.starts_with('0') {
            return Err(self.wrong(format!(
                "found {written}, which some readers take for octal; write it without the 0"
            )));
        }
        if digits.starts_with('-') {
            return Err(self.wrong(format!(
                "found {written}, and no time is negative; write for instance 30"
            )));
        }
        digits.parse().map_err(|_| {
            self.wrong(format!("found {written}, which is too large; write for instance 30"))
        })
    }

    pub(super) fn is_mapping(&self) -> bool {
        self.yaml.mapping().is_some()
    }

    pub(super) fn is_list(&self) -> bool {
        self.yaml.list().is_some()
    }

    pub(super) fn is_text(&self) -> bool {
        self.yaml.scalar().is_some_and(|(_, kind)| kind == Kind::Text)
    }

    /// What stands here, for a message.
    pub(super) fn found(&self) -> String {
        match self.yaml.scalar() {
            Some((text, Kind::Text)) => format!("{text:?}"),
            Some((_, Kind::Null)) => "nothing".to_owned(),
            Some((text, _)) => text.to_owned(),
            None if self.is_list() => "a list".to_owned(),
            None => "a mapping".to_owned(),
        }
    }

    pub(super) fn place(&self) -> Place {
        Place { file: self.document.file.clone(), line: self.yaml.line }
    }

    /// From the root: `spec.containers[0].name`.
    pub(super) fn path(&self) -> &str {
        &self.path
    }

    /// What fills it in when it is deployed: a tag such as `!Ref`.
    pub(super) fn tag(&self) -> Option<&str> {
        self.yaml.tag.as_deref()
    }

    /// What is wrong with the key of this value, which stands here or in the line before.
    pub(super) fn wrong_key(&self, what: impl Display) -> ManifestError {
        Place { line: self.key_line, ..self.place() }.wrong(&self.path, what)
    }

    /// What is wrong with this value.
    pub(super) fn wrong(&self, what: impl Display) -> ManifestError {
        self.place().wrong(&self.path, what)
    }

    /// What `<<` merges here: a mapping, or a list of them.
    fn merged(&self) -> Vec<Self> {
        let merged = self.yaml.mapping().and_then(|mapping| mapping.entry("<<"));
        let Some(merged) = merged.map(|(line, yaml)| self.child("<<", line, yaml)) else {
            return Vec::new();
        };
        let nodes =
            if merged.is_list() { merged.items().unwrap_or_default() } else { vec![merged] };
        // What is merged counts as written here.
        nodes.into_iter().map(|node| Self { path: self.path.clone(), ..node }).collect()
    }

    fn child(&self, key: &str, key_line: usize, yaml: &'d Yaml) -> Self {
        let dot = if self.path.is_empty() { "" } else { "." };
        let path = format!("{}{dot}{key}", self.path);
        Self { document: self.document, path, yaml, key_line }
    }

    pub(super) fn is_null(&self) -> bool {
        self.yaml.is_null()
    }
}
