//! Dependencies point one way: a module of the core imports only what stands below it, and no files
//! form a circle. Tests may import anything.
//!
//! `LAYERS` is the rule. What is read is the text of the sources, token by token, so that paths in
//! macros count as well.

use std::{
    collections::{BTreeMap, BTreeSet},
    fs,
    path::Path,
};

use proc_macro2::{Delimiter, TokenStream, TokenTree};

/// The top-level modules of the core, each above all that it may import.
const LAYERS: [&str; 18] = [
    "text",
    "values",
    "resource",
    "declare",
    "os",
    "foreign",
    "plan",
    "config",
    "budget",
    "admission",
    "event",
    "report",
    "machine",
    "runtime",
    "ext",
    "api",
    "testing",
    // What generated code names.
    "__private",
];

/// A module, as the names that lead to it from the root of its crate.
type Module = Vec<String>;

/// Who imports from whom: the module, the path that it names, and whether a test does.
#[derive(Default)]
struct Sources {
    modules: BTreeMap<Module, Content>,
}

#[derive(Default)]
struct Content {
    /// Paths, resolved to names from the root.
    paths: BTreeSet<Vec<String>>,
    /// What a `use` in it makes of a name.
    names: BTreeMap<String, Vec<String>>,
}

impl Sources {
    /// Reads a crate from its root file on.
    fn read(root: &Path) -> Self {
        let mut sources = Self::default();
        sources.file(root, root.parent().unwrap(), &Vec::new());
        sources
    }

    fn file(&mut self, file: &Path, folder: &Path, module: &Module) {
        let text = fs::read_to_string(file).unwrap_or_else(|e| panic!("{}: {e}", file.display()));
        let tokens: TokenStream =
            text.parse().unwrap_or_else(|e| panic!("{}: {e}", file.display()));
        self.module(tokens, folder, module);
    }

    fn module(&mut self, tokens: TokenStream, folder: &Path, module: &Module) {
        self.modules.entry(module.clone()).or_default();
        let tokens: Vec<_> = tokens.into_iter().collect();
        let mut at = 0;
        let mut of_a_test = false;
        while at < tokens.len() {
            if let Some(attribute) = attribute(&tokens[at..]) {
                of_a_test |= is_of_a_test(&attribute);
                at += 2;
                continue;
            }
            let here = &tokens[at..];
            if is(here, 0, "mod")
                && let Some(TokenTree::Ident(name)) = here.get(1)
            {
                let inner: Module = module.iter().cloned().chain([name.to_string()]).collect();
                let folder = folder.join(name.to_string());
                match here.get(2) {
                    _ if of_a_test => {}
                    Some(TokenTree::Group(body)) => self.module(body.stream(), &folder, &inner),
                    _ => {
                        let beside = folder.with_extension("rs");
                        let within = folder.join("mod.rs");
                        let file = if beside.exists() { beside } else { within };
                        self.file(&file, &folder, &inner);
                    }
                }
                at += 3;
                of_a_test = false;
                continue;
            }
            // `impl Trait + use<T>` is no import.
            let captures = here.get(1).is_some_and(|tree| is_punct(tree, '<'));
            if is(here, 0, "use") && !captures && !of_a_test {
                let end = here.iter().position(|t| is_punct(t, ';')).unwrap();
                self.import(&here[1..end], module);
                at += end + 1;
                continue;
            }
            match &tokens[at] {
                TokenTree::Group(group) if !of_a_test => self.body(group.stream(), module),
                _ if !of_a_test => {
                    if let Some((path, _)) = path_at(&tokens, at, module) {
                        self.content(module).paths.extend(path);
                    }
                }
                _ => {}
            }
            // An item ends with its body or its semicolon, and so does what stands before it.
            let is_body = matches!(&tokens[at],
                TokenTree::Group(group) if group.delimiter() == Delimiter::Brace);
            if is_body || is_punct(&tokens[at], ';') {
                of_a_test = false;
            }
            at += 1;
        }
    }

    /// What stands between braces: paths, wherever they are.
    fn body(&mut self, tokens: TokenStream, module: &Module) {
        let tokens: Vec<_> = tokens.into_iter().collect();
        for at in 0..tokens.len() {
            match &tokens[at] {
                TokenTree::Group(group) => self.body(group.stream(), module),
                _ => {
                    if let Some((paths, _)) = path_at(&tokens, at, module) {
                        self.content(module).paths.extend(paths);
                    }
                }
            }
        }
    }

    fn import(&mut self, tree: &[TokenTree], module: &Module) {
        let mut found = Vec::new();
        leaves(tree, &mut Vec::new(), &mut found);
        for (path, name) in found {
            let Some(path) = absolute(&path, module) else {
                // A name that the module has itself, or another crate.
                continue;
            };
            let content = self.content(module);
            content.paths.insert(path.clone());
            content.names.insert(name, path);
        }
    }

    fn content(&mut self, module: &Module) -> &mut Content {
        self.modules.entry(module.clone()).or_default()
    }

    /// The module that defines what `path` names, through re-exports.
    fn defines(&self, path: &[String]) -> Module {
        let mut path = path.to_vec();
        for _ in 0..16 {
            let mut module = Module::new();
            let mut rest = path.iter();
            let mut next = rest.next();
            while let Some(name) = next {
                let inner: Module = module.iter().cloned().chain([name.clone()]).collect();
                if !self.modules.contains_key(&inner) {
                    break;
                }
                module = inner;
                next = rest.next();
            }
            let Some(name) = next else { return module };
            let content = &self.modules[&module];
            let Some(target) = content.names.get(name) else { return module };
            if target[..] == path[..] {
                return module;
            }
            path = target.iter().chain(rest).cloned().collect();
        }
        panic!("re-exports of {path:?} lead in a circle")
    }

    /// Each module and those whose definitions it uses.
    fn arrows(&self) -> BTreeMap<Module, BTreeSet<Module>> {
        let arrows = self.modules.iter().filter(|(module, _)| !module.is_empty());
        arrows
            .map(|(module, content)| {
                let targets = content.paths.iter().map(|path| self.defines(path));
                (module.clone(), targets.filter(|target| target != module).collect())
            })
            .collect()
    }

    /// Imports of what does not stand below, in words.
    fn upward(&self, layers: &[&str]) -> Vec<String> {
        let rank = |name: &str| layers.iter().position(|layer| *layer == name);
        let mut wrong = Vec::new();
        for (from, targets) in self.arrows() {
            let Some(own) = rank(&from[0]) else {
                wrong.push(format!("{} stands in no layer: add it to LAYERS", from.join("::")));
                continue;
            };
            for to in targets.iter().filter(|to| !to.is_empty() && to[0] != from[0]) {
                if rank(&to[0]).is_none_or(|rank| rank >= own) {
                    wrong.push(format!("{} imports {} from above", from.join("::"), to.join("::")));
                }
            }
        }
        wrong
    }

    /// Modules that import one another round about, each circle as its members.
    fn circles(&self) -> Vec<Vec<Module>> {
        let arrows = self.arrows();
        let is_inside = |inner: &Module, outer: &Module| inner.starts_with(outer);
        let reaches = |from: &Module| {
            let (mut seen, mut next) = (BTreeSet::new(), vec![from.clone()]);
            while let Some(module) = next.pop() {
                for to in arrows.get(&module).into_iter().flatten() {
                    // A parent shows what is in its children, and they use what it has: one idea.
                    let is_family = is_inside(to, &module) || is_inside(&module, to);
                    if !is_family && seen.insert(to.clone()) {
                        next.push(to.clone());
                    }
                }
            }
            seen
        };
        let reached: BTreeMap<_, _> = arrows.keys().map(|from| (from, reaches(from))).collect();
        let mut circles: Vec<Vec<Module>> = Vec::new();
        for (module, targets) in &reached {
            if targets.contains(*module) && !circles.iter().flatten().any(|known| known == *module)
            {
                let back = |to: &&Module| reached.get(to).is_some_and(|own| own.contains(*module));
                circles.push(targets.iter().filter(back).cloned().collect());
            }
        }
        circles
    }
}

fn attribute(tokens: &[TokenTree]) -> Option<TokenStream> {
    match tokens {
        [TokenTree::Punct(hash), TokenTree::Group(group), ..]
            if hash.as_char() == '#' && group.delimiter() == Delimiter::Bracket =>
        {
            Some(group.stream())
        }
        _ => None,
    }
}

/// `cfg(test)`, `cfg(all(test, ..))`, `test`.
fn is_of_a_test(attribute: &TokenStream) -> bool {
    let tokens: Vec<_> = attribute.clone().into_iter().collect();
    let is_test = |tree: &TokenTree| matches!(tree, TokenTree::Ident(name) if name == "test");
    match &tokens[..] {
        [only] => is_test(only),
        [TokenTree::Ident(cfg), TokenTree::Group(what)] if cfg == "cfg" => {
            let what: Vec<_> = what.stream().into_iter().collect();
            match &what[..] {
                [TokenTree::Ident(all), TokenTree::Group(what)] if all == "all" => {
                    what.stream().into_iter().any(|tree| is_test(&tree))
                }
                what => what.first().is_some_and(is_test),
            }
        }
        _ => false,
    }
}

fn is(tokens: &[TokenTree], at: usize, word: &str) -> bool {
    matches!(tokens.get(at), Some(TokenTree::Ident(ident)) if ident == word)
}

fn is_punct(tree: &TokenTree, char: char) -> bool {
    matches!(tree, TokenTree::Punct(punct) if punct.as_char() == char)
}

fn is_separator(tokens: &[TokenTree], at: usize) -> bool {
    let colon = |at: usize| tokens.get(at).is_some_and(|tree| is_punct(tree, ':'));
    colon(at) && colon(at + 1)
}

/// The paths that begin at `at` with `crate`, `self` or `super`, from the root of the crate.
fn path_at(tokens: &[TokenTree], at: usize, module: &Module) -> Option<(Vec<Vec<String>>, usize)> {
    let begins = ["crate", "self", "super"].iter().any(|word| is(tokens, at, word));
    let is_first = at < 2 || !is_separator(tokens, at - 2);
    // `$crate` is written for the crate that the macro is used in.
    let is_first = is_first && (at < 1 || !is_punct(&tokens[at - 1], '$'));
    if !begins || !is_first || !is_separator(tokens, at + 1) {
        return None;
    }
    let mut end = at;
    while end < tokens.len()
        && (matches!(&tokens[end], TokenTree::Ident(_)) || is_separator(tokens, end))
    {
        end += if is_separator(tokens, end) { 2 } else { 1 };
        if end < tokens.len() && !is_separator(tokens, end) && !is_separator(tokens, end - 2) {
            break;
        }
    }
    let mut found = Vec::new();
    leaves(&tokens[at..end], &mut Vec::new(), &mut found);
    Some((found.iter().filter_map(|(path, _)| absolute(path, module)).collect(), end))
}

/// The paths of a `use` tree, and the name that each brings.
fn leaves(tree: &[TokenTree], before: &mut Vec<String>, found: &mut Vec<(Vec<String>, String)>) {
    let length = before.len();
    let mut rename = None;
    let mut at = 0;
    while at < tree.len() {
        match &tree[at] {
            TokenTree::Ident(word) if word == "as" => {
                rename = tree.get(at + 1).map(ToString::to_string);
                at += 1;
            }
            TokenTree::Ident(name) => before.push(name.to_string()),
            TokenTree::Group(group) => {
                let inner: Vec<_> = group.stream().into_iter().collect();
                for part in inner.split(|tree| is_punct(tree, ',')).filter(|part| !part.is_empty())
                {
                    leaves(part, before, found);
                }
                before.truncate(length);
                return;
            }
            _ => {}
        }
        at += 1;
    }
    if before.last().is_some_and(|last| last == "self") && before.len() > 1 {
        before.pop();
    }
    let name = rename.or_else(|| before.last().cloned()).unwrap_or_default();
    found.push((before.clone(), name));
    before.truncate(length);
}

/// From the root of the crate; `None` for what is of another.
fn absolute(path: &[String], module: &Module) -> Option<Vec<String>> {
    let mut base = match path.first()?.as_str() {
        "crate" => Module::new(),
        "self" | "super" => module.clone(),
        _ => return None,
    };
    let mut rest = path;
    if path[0] != "super" {
        rest = &path[1..];
    }
    while rest.first().is_some_and(|name| name == "super") {
        base.pop();
        rest = &rest[1..];
    }
    Some(base.into_iter().chain(rest.iter().cloned()).collect())
}

fn core() -> Sources {
    Sources::read(&Path::new(env!("CARGO_MANIFEST_DIR")).join("lifecycle-core/src/lib.rs"))
}

#[test]
fn arrows_between_the_modules_of_the_core_point_down() {
    let wrong = core().upward(&LAYERS);
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn no_files_of_the_core_form_a_circle() {
    let circles = core().circles();
    let shown = circles.iter().map(|circle| {
        circle.iter().map(|module| module.join("::")).collect::<Vec<_>>().join(" <-> ")
    });
    assert!(circles.is_empty(), "{}", shown.collect::<Vec<_>>().join("\n"));
}

/// A crate of two layers, written to a folder of its own.
fn made(low: &str, high: &str) -> Sources {
    let folder = tempfile::tempdir().unwrap();
    let write = |name: &str, text: &str| fs::write(folder.path().join(name), text).unwrap();
    write("lib.rs", "mod low; mod high; pub use crate::high::High; pub use self::low::Low;");
    write("low.rs", low);
    write("high.rs", high);
    Sources::read(&folder.path().join("lib.rs"))
}

#[test]
fn an_import_from_above_is_found_however_it_is_written() {
    let high = "pub struct High; pub fn high() {} use crate::Low;";
    assert_eq!(made("pub struct Low;", high).upward(&["low", "high"]), [""; 0]);
    for low in [
        "use crate::high::High;",
        "use crate::High;",
        "use crate::{High};",
        "use super::high::{self as h};",
        "use super::{high::High as H};",
        "fn f() { crate::high::high() }",
        "fn f() { println!(\"{:?}\", super::high::high()); }",
        "macro_rules! m { () => { crate::high::high() } }",
        "mod inner { use super::super::High; }",
        "#[cfg(unix)] use crate::High;",
        "#[cfg(test)] mod tests { } use crate::High;",
    ] {
        let found = made(&format!("pub struct Low; {low}"), high).upward(&["low", "high"]);
        assert_eq!(found.len(), 1, "{low}: {found:?}");
        assert!(found[0].starts_with("low"), "{found:?}");
    }
    for low in [
        "#[cfg(test)] mod tests { use crate::High; }",
        "// use crate::High;",
        "fn f() { \"crate::High\"; }",
    ] {
        let found = made(&format!("pub struct Low; {low}"), high).upward(&["low", "high"]);
        assert!(found.is_empty(), "{low}: {found:?}");
    }
}

#[test]
fn a_circle_is_found() {
    let circles =
        made("pub struct Low; use crate::High;", "pub struct High; use crate::Low;").circles();
    assert_eq!(circles, [[vec!["high".to_owned()], vec!["low".to_owned()]]]);
}
