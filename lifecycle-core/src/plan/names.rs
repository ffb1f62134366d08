//! Names for people: no two hooks of a plan share one.

use std::{borrow::Cow, collections::HashMap};

use super::{HookId, spec::HookSpec};

/// The name of each of `hooks`, which are sorted by name, and the groups that were given one name
/// by hand.
///
/// Default names that are equal get the place of their hook; hooks registered at run time are
/// numbered.
pub(super) fn names(hooks: &[&HookSpec]) -> (Vec<Cow<'static, str>>, Vec<Vec<u32>>) {
    let mut names: Vec<_> = hooks.iter().map(|spec| spec.name.clone()).collect();
    let mut clashes = Vec::new();
    let mut start = 0;
    for group in hooks.chunk_by(|a, b| a.name == b.name) {
        let members = start..start + group.len();
        start = members.end;
        if group.len() == 1 {
            continue;
        }
        let (declared, mut registered): (Vec<usize>, Vec<usize>) =
            members.partition(|&i| matches!(hooks[i].id, HookId::Declared(_)));
        registered.sort_by_key(|&i| hooks[i].id);
        let written: Vec<u32> =
            declared.iter().filter(|&&i| hooks[i].name_written).map(|&i| i as u32).collect();
        if declared.len() > 1 {
            locate(&declared, hooks, &mut names);
        }
        for (i, number) in registered.into_iter().zip(1 + usize::from(!declared.is_empty())..) {
            if number > 1 {
                names[i] = Cow::Owned(format!("{}#{number}", hooks[i].name));
            }
        }
        if written.len() > 1 {
            clashes.push(written);
        }
    }
    (names, clashes)
}

/// The last segment of each name that is a path, where no other has the same, else all of it: a
/// `::` within an address or a type separates nothing.
pub(crate) fn last_names<'n>(names: &[&'n str]) -> Vec<&'n str> {
    let is_word =
        |word: &str| !word.is_empty() && word.chars().all(|c| c.is_alphanumeric() || c == '_');
    let last = |name: &'n str| match name.rsplit_once("::") {
        Some((_, last)) if name.split("::").all(is_word) => last,
        _ => name,
    };
    let mut count: HashMap<&str, u32> = HashMap::new();
    for name in names {
        *count.entry(last(name)).or_default() += 1;
    }
    names.iter().map(|name| if count[last(name)] == 1 { last(name) } else { name }).collect()
}

/// Appends its place to each default name. One line may declare several hooks (in a macro): they
/// are numbered on top.
fn locate(declared: &[usize], hooks: &[&HookSpec], names: &mut [Cow<'static, str>]) {
    let mut seen: HashMap<_, u32> = HashMap::new();
    for &i in declared.iter().filter(|&&i| !hooks[i].name_written) {
        let count = seen.entry(hooks[i].location).or_default();
        *count += 1;
        let name = format!("{}@{}", hooks[i].name, hooks[i].location);
        names[i] = Cow::Owned(if *count == 1 { name } else { format!("{name}#{count}") });
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_paths_are_shortened_and_only_to_what_nobody_else_is_called() {
        let names = [
            ("orders::outbox::flush", "flush"),
            ("http::停止", "停止"),
            ("pool", "pool"),
            ("a::close", "a::close"),
            ("b::close", "b::close"),
            ("conn [::1]:8080", "conn [::1]:8080"),
            ("conn ::1", "conn ::1"),
            ("sync Vec<sqlx::Any>", "sync Vec<sqlx::Any>"),
            ("trailing::", "trailing::"),
            ("::leading", "::leading"),
            ("a::::b", "a::::b"),
            ("::", "::"),
            ("", ""),
        ];
        let (whole, short): (Vec<&str>, Vec<&str>) = names.into_iter().unzip();
        assert_eq!(last_names(&whole), short);
    }
}
