//! A Dockerfile beside a manifest: what the image says where the manifest does not.

use std::path::Path;

use lifecycle_core::ext::{Deployment, ManifestError, StopSignal, Variable};

use super::{
    field::is_ours,
    place::Place,
    shell::{self, Word},
};

/// What an image runs, and is stopped with.
#[derive(Clone, Debug, Default)]
pub(super) struct Image {
    stop_signal: Option<StopSignal>,
    entry_point: Option<Vec<Word>>,
    command: Option<Vec<Word>>,
    variables: Vec<Variable>,
    /// What `SHELL` makes of the shell form.
    shell: Option<Vec<String>>,
    /// Whether the entry point is a text, which takes no arguments.
    is_shell_form: bool,
}

/// A Dockerfile, by its stages.
pub(super) struct Dockerfile {
    file: String,
    stages: Vec<(String, Image)>,
    last: (String, Image),
}

/// Whether the file is one, by its name or by how it begins.
pub(super) fn is_dockerfile(path: &Path, text: &str) -> bool {
    let name = path.file_name().unwrap_or_default().to_string_lossy().to_lowercase();
    let named = ["dockerfile", "containerfile"].iter().any(|known| {
        name == *known
            || name.strip_prefix(known).is_some_and(|rest| rest.starts_with('.'))
            || name.strip_suffix(known).is_some_and(|rest| rest.ends_with('.'))
    });
    let first = text.lines().map(str::trim).find(|line| !line.is_empty() && !line.starts_with('#'));
    let begins = first
        .and_then(|line| line.split_whitespace().next())
        .is_some_and(|word| word.eq_ignore_ascii_case("from") || word.eq_ignore_ascii_case("arg"));
    named || (begins && path.extension().is_none())
}

/// What the Dockerfile at `path` makes.
pub(super) fn read(path: &Path, text: &str) -> Result<Dockerfile, ManifestError> {
    let file = path.display().to_string();
    let mut stages: Vec<(String, Image)> = Vec::new();
    for Instruction { word, rest, line } in instructions(text) {
        let place = Place { file: file.clone(), line };
        if word == "FROM" {
            let words: Vec<&str> =
                rest.split_whitespace().filter(|word| !word.starts_with("--")).collect();
            let base = words.first().copied().unwrap_or_default();
            let name = words.iter().position(|word| word.eq_ignore_ascii_case("as"));
            let name = name.and_then(|at| words.get(at + 1)).map(|name| name.to_lowercase());
            let built_on = stages.iter().rfind(|(name, _)| name.eq_ignore_ascii_case(base));
            let image = built_on.map(|(_, image)| image.clone()).unwrap_or_default();
            stages.push((name.unwrap_or_default(), image));
        } else if let Some((_, image)) = stages.last_mut() {
            image.take(&word, &rest, &place)?;
        } else if word != "ARG" {
            return Err(place.wrong(&word, "a Dockerfile begins with `FROM`"));
        }
    }
    match stages.pop() {
        Some((name, last)) => Ok(Dockerfile { file, stages, last: (name, last) }),
        None => Err(ManifestError::new(format!("{file}: it has no `FROM`, so it makes no image"))),
    }
}

impl Dockerfile {
    /// What its last stage makes.
    pub(super) const fn image(&self) -> &Image {
        &self.last.1
    }

    /// What the stage makes that is called `target`: by its name, or by its number from 0 on.
    pub(super) fn stage(&self, target: &str) -> Result<&Image, ManifestError> {
        let mut all = self.stages.iter().chain([&self.last]).enumerate();
        let found = all
            .find(|(at, (name, _))| name.eq_ignore_ascii_case(target) || at.to_string() == target);
        found.map(|(_, (_, image))| image).ok_or_else(|| {
            ManifestError::new(format!(
                "{}: it has no stage `{target}`, which the manifest builds: name the Dockerfile that has it",
                self.file
            ))
        })
    }
}

impl Image {
    fn take(&mut self, word: &str, rest: &str, place: &Place) -> Result<(), ManifestError> {
        match word {
            "STOPSIGNAL" => {
                if rest.contains('$') {
                    return Err(place.wrong(
                        word,
                        format!("found {rest}, which the build fills in: write the signal, such as SIGTERM"),
                    ));
                }
                let place = place.to_string();
                self.stop_signal =
                    Some(StopSignal { name: rest.to_owned(), field: "STOPSIGNAL", place });
            }
            "ENTRYPOINT" => {
                self.is_shell_form = !rest.starts_with('[');
                self.entry_point = self.words(word, rest, place)?;
                // What the base image would run is forgotten with its entry point.
                self.command = None;
            }
            "CMD" => self.command = self.words(word, rest, place)?,
            "SHELL" => {
                let words =
                    words_of(rest).ok_or_else(|| {
                        place.wrong(word, format!(
                            "found {rest}, a list in JSON is needed, as in `[\"/bin/sh\", \"-c\"]`"
                        ))
                    })?;
                self.shell = Some(words);
            }
            "ENV" => self.variables.extend(variables(rest, place)),
            _ => {}
        }
        Ok(())
    }

    fn words(
        &self,
        word: &str,
        rest: &str,
        place: &Place,
    ) -> Result<Option<Vec<Word>>, ManifestError> {
        let words = if rest.starts_with('[') {
            // A list that is no JSON is a text to docker, which runs it in a shell where it fails.
            words_of(rest).ok_or_else(|| {
                place.wrong(
                    word,
                    format!("found {rest}, a list in JSON is needed, with double quotes"),
                )
            })?
        } else {
            let shell = self.shell.clone();
            let mut words = shell.unwrap_or_else(|| ["/bin/sh", "-c"].map(str::to_owned).to_vec());
            words.push(rest.to_owned());
            words
        };
        Ok((!words.is_empty()).then(|| Word::all(words, place, word)))
    }

    /// What is run where the manifest has these: its entry point in place of the image's and of what follows
    /// that, its arguments in place of what follows.
    fn started(&self, entry_point: Option<Vec<Word>>, arguments: Option<Vec<Word>>) -> Vec<Word> {
        match (entry_point, &self.entry_point) {
            (Some(entry_point), _) => {
                [Some(entry_point), arguments].into_iter().flatten().flatten().collect()
            }
            // An entry point in shell form takes no arguments.
            (None, Some(own)) if self.is_shell_form => own.clone(),
            (None, own) => {
                let arguments = arguments.or_else(|| self.command.clone());
                [own.clone(), arguments].into_iter().flatten().flatten().collect()
            }
        }
    }
}

/// Says of `deployment` what the image adds, and is an error where a shell hears the signal.
pub(super) fn complete(
    deployment: &mut Deployment,
    image: Option<&Image>,
    entry_point: Option<Vec<Word>>,
    arguments: Option<Vec<Word>>,
) -> Result<(), ManifestError> {
    let none = Image::default();
    let image = image.unwrap_or(&none);
    shell::check(&image.started(entry_point, arguments), &mut deployment.notes)?;
    if deployment.stop_signals.is_empty() {
        deployment.stop_signals.extend(image.stop_signal.clone());
    }
    deployment.variables.splice(0..0, image.variables.iter().cloned());
    Ok(())
}

struct Instruction {
    word: String,
    rest: String,
    line: usize,
}

/// The instructions of a Dockerfile; those in a here-document are the document's.
fn instructions(text: &str) -> Vec<Instruction> {
    let escape = text
        .lines()
        .map_while(|line| line.trim().strip_prefix('#'))
        .find_map(|line| line.trim().to_lowercase().strip_prefix("escape=").map(str::to_owned))
        .filter(|escape| escape == "`")
        .map_or('\\', |_| '`');
    let mut found: Vec<Instruction> = Vec::new();
    let mut goes_on = false;
    let mut lines = text.trim_start_matches('\u{feff}').lines().enumerate();
    while let Some((at, line)) = lines.next() {
        let line = line.trim();
        if line.starts_with('#') || line.is_empty() {
            continue;
        }
        let (part, continues) = match line.strip_suffix(escape) {
            Some(part) => (part, true),
            None => (line, false),
        };
        if goes_on {
            if let Some(last) = found.last_mut() {
                last.rest.push(' ');
                last.rest.push_str(part.trim());
            }
        } else {
            let (word, rest) = part.split_once(char::is_whitespace).unwrap_or((part, ""));
            let (word, rest) = (word.to_uppercase(), rest.trim().to_owned());
            found.push(Instruction { word, rest, line: at + 1 });
        }
        goes_on = continues;
        if !continues
            && let Some(last) = found.last()
            && ["RUN", "COPY", "ADD"].contains(&last.word.as_str())
        {
            for end in here_documents(&last.rest) {
                lines.by_ref().find(|(_, line)| line.trim() == end);
            }
        }
    }
    found
}

/// What ends the here-documents that begin in `text`.
fn here_documents(text: &str) -> Vec<String> {
    let ends = text.split("<<").skip(1).filter(|rest| !rest.starts_with('<'));
    let end = |rest: &str| {
        let rest = rest.trim_start_matches('-').trim_start_matches(['"', '\'']);
        let end = rest.find(|char: char| !char.is_alphanumeric() && char != '_');
        rest[..end.unwrap_or(rest.len())].to_owned()
    };
    ends.map(end).filter(|end| !end.is_empty()).collect()
}

fn words_of(list: &str) -> Option<Vec<String>> {
    serde_json::from_str(list).ok()
}

/// `NAME=value …`, or `NAME value`.
fn variables(rest: &str, place: &Place) -> Vec<Variable> {
    let words = shell::split(rest).unwrap_or_default();
    let pairs: Vec<(String, String)> = match words.first().map(|word| word.split_once('=')) {
        Some(Some(_)) => words
            .iter()
            .filter_map(|word| word.split_once('='))
            .map(|(name, value)| (name.to_owned(), value.to_owned()))
            .collect(),
        Some(None) => rest
            .split_once(char::is_whitespace)
            .map(|(name, value)| (name.to_owned(), value.trim().to_owned()))
            .into_iter()
            .collect(),
        None => Vec::new(),
    };
    let variable = |(name, value)| Variable { name, value, place: place.to_string() };
    pairs.into_iter().filter(|(name, _)| is_ours(name)).map(variable).collect()
}
