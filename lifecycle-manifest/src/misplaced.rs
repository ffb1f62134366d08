//! Fields that are nearly right: at a place where the platform does not look, or with a name that it does
//! not know. Each is a number that somebody believes in and nobody reads.

use lifecycle_core::ext::ManifestError;

use super::document::Node;

/// A field that matters.
pub(super) struct Watched<'a> {
    pub(super) name: &'a str,
    /// What it is taken for by mistake.
    pub(super) also: &'a [&'a str],
    /// Where it belongs, in words.
    pub(super) belongs: String,
    /// Whether it counts at this path, whose end it is.
    pub(super) counts: &'a dyn Fn(&str) -> bool,
}

/// An error at the first field below `node` that is nearly one of those that are watched. What is called
/// as one of `skipped` may say anything.
pub(super) fn check(
    node: &Node,
    watched: &[Watched],
    skipped: &[&str],
) -> Result<(), ManifestError> {
    if node.is_list() {
        return node.items()?.iter().try_for_each(|item| check(item, watched, skipped));
    }
    if !node.is_mapping() {
        return Ok(());
    }
    for (key, value) in node.entries()? {
        if skipped.contains(&key.as_str()) {
            continue;
        }
        for Watched { name, also, belongs, counts } in watched {
            if key == *name && !counts(value.path()) {
                return Err(
                    value.wrong_key(format!("`{name}` is not read here: move it into {belongs}"))
                );
            }
            let near = is_near(&key, name) || also.contains(&key.as_str());
            if key != *name && near && !watched.iter().any(|other| other.name == key) {
                return Err(
                    value.wrong_key(format!("nobody reads `{key}`: write `{name}`, in {belongs}"))
                );
            }
        }
        check(&value, watched, skipped)?;
    }
    Ok(())
}

/// Whether `key` is `name` but for its case, a dash, or two letters.
pub(super) fn is_near(key: &str, name: &str) -> bool {
    let plain = |text: &str| text.replace(['_', '-'], "").to_lowercase();
    let [key, name] = [key, name].map(plain);
    key == name || (name.len() > 8 && strsim::levenshtein(&key, &name) <= 2)
}

/// The name that `path` ends in is that of a field of `parent`.
pub(super) fn is_in(path: &str, parent: &str) -> bool {
    let around = path.rsplit_once('.').map_or("", |(around, _)| around);
    around.rsplit('.').next().unwrap_or_default().split('[').next() == Some(parent)
}
