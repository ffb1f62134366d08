//! Which of a manifest's containers is the service.

use std::collections::HashMap;

use lifecycle_core::ext::ManifestError;

/// A container, a compose service or a task.
pub(super) struct Candidate<T> {
    /// Its names from the outside in: kind, workload, container.
    pub(super) path: Vec<String>,
    /// Whether its environment has a variable of the library.
    pub(super) ours: bool,
    pub(super) what: T,
}

/// What was chosen.
pub(super) struct Chosen<T> {
    pub(super) path: Vec<String>,
    pub(super) what: T,
    /// Which one it is, where there are several.
    pub(super) said: Option<String>,
}

/// The one that is `wanted`: by its own name or that of what it is in, `workload/container` where that is not
/// enough. Else the only one, else the only one whose environment has a `LIFECYCLE_*` variable.
pub(super) fn choose<T>(
    file: &str,
    wanted: Option<&str>,
    candidates: Vec<Candidate<T>>,
) -> Result<Chosen<T>, ManifestError> {
    let names = Names::of(&candidates);
    let all = names.shortest_each(&candidates);
    if candidates.is_empty() {
        return Err(ManifestError::new(format!(
            "{file}: it has no container (service, task); name the file that has the service"
        )));
    }
    let mut left = match wanted {
        None => candidates,
        Some(wanted) => {
            let left = named(candidates, wanted);
            if left.is_empty() {
                return Err(ManifestError::new(format!(
                    "{file}: no container `{wanted}`; it has {}",
                    list(&all)
                )));
            }
            left
        }
    };
    if left.len() > 1 && left.iter().filter(|candidate| candidate.ours).count() == 1 {
        left.retain(|candidate| candidate.ours);
    }
    let named = Names::of(&left).shortest_each(&left);
    match left.pop() {
        Some(Candidate { path, what, .. }) if left.is_empty() => {
            let said =
                (all.len() > 1).then(|| format!("`{}` of {}", names.shortest(&path), list(&all)));
            Ok(Chosen { path, what, said })
        }
        _ => Err(ManifestError::new(format!(
            "{file}: which container is the service? It has {}; name one: `{file}#{}`",
            list(&named),
            named[0]
        ))),
    }
}

fn named<T>(candidates: Vec<Candidate<T>>, wanted: &str) -> Vec<Candidate<T>> {
    let ends = |path: &[String]| (0..path.len()).any(|from| path[from..].join("/") == wanted);
    let begins = |path: &[String]| (1..path.len()).any(|to| ends(&path[..to]));
    let (exact, rest): (Vec<_>, Vec<_>) =
        candidates.into_iter().partition(|candidate| ends(&candidate.path));
    if exact.is_empty() {
        rest.into_iter().filter(|candidate| begins(&candidate.path)).collect()
    } else {
        exact
    }
}

/// How many candidates have a name, for each.
struct Names(HashMap<String, usize>);

impl Names {
    fn of<T>(candidates: &[Candidate<T>]) -> Self {
        let mut counts = HashMap::new();
        for name in candidates.iter().flat_map(|candidate| names(&candidate.path)) {
            *counts.entry(name).or_default() += 1;
        }
        Self(counts)
    }

    /// The shortest name that is its alone.
    fn shortest(&self, path: &[String]) -> String {
        names(path).find(|name| self.0.get(name) == Some(&1)).unwrap_or_else(|| path.join("/"))
    }

    fn shortest_each<T>(&self, candidates: &[Candidate<T>]) -> Vec<String> {
        candidates.iter().map(|candidate| self.shortest(&candidate.path)).collect()
    }
}

/// From the innermost name to all of them.
fn names(path: &[String]) -> impl Iterator<Item = String> {
    (0..path.len()).rev().map(|from| path[from..].join("/"))
}

/// Some of them, where there are many.
fn list(names: &[String]) -> String {
    const MANY: usize = 10;
    let some =
        names.iter().take(MANY).map(|name| format!("`{name}`")).collect::<Vec<_>>().join(", ");
    match names.len().saturating_sub(MANY) {
        0 => some,
        more => format!("{some} and {more} more"),
    }
}
