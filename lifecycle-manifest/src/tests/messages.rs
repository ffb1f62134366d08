//! Each message of the readers, in one file: `fixtures/messages.txt`, from the cases that call them forth.

use std::{
    collections::BTreeSet,
    fmt::Write,
    fs,
    path::{Path, PathBuf},
    time::Duration,
};

use lifecycle_core::ext::Overrides;

use super::{super::kind, golden};

#[test]
fn each_message_is_in_one_file() {
    let mut all = String::from(
        "Each message that the reading of a manifest may give: where, which field, what is wrong, what to write.\n",
    );
    for file in
        files("src/tests/fixtures/cases").into_iter().chain(files("src/tests/fixtures/broken"))
    {
        let kept = fs::read_to_string(&file).unwrap();
        let said = kept.lines().filter_map(|line| line.strip_prefix("= "));
        // What was read is no message, but its notes are.
        let message = said.filter(|line| {
            line.starts_with("note: ")
                || line
                    .split_once(": ")
                    .is_some_and(|(place, _)| place.contains(['.', ':']) || place == "Dockerfile")
        });
        let folder = file.parent().unwrap().file_name().unwrap().display();
        writeln!(all, "\n# {folder}/{}\n", file.file_stem().unwrap().display()).unwrap();
        let messages: BTreeSet<&str> = message.collect();
        messages.into_iter().for_each(|message| writeln!(all, "{message}").unwrap());
    }
    all.push_str("\n# of files that are none, and of what is told beside them\n\n");
    of_files().into_iter().for_each(|message| writeln!(all, "{message}").unwrap());
    golden("src/tests/fixtures/messages.txt", &all);
    let missing: Vec<String> =
        messages_in_the_source().filter(|text| !all.contains(text)).collect();
    assert!(missing.is_empty(), "no case calls these forth:\n{}", missing.join("\n"));
}

/// What no text of a case says.
fn of_files() -> Vec<String> {
    let folder = tempfile::tempdir().unwrap();
    let path = |name: &str| folder.path().join(name);
    let mut overrides = Overrides::default();
    overrides.max_kill_timeout = Some(Duration::from_secs(40));
    fs::write(path("large.yaml"), vec![b'#'; 8 * 1_024 * 1_024 + 1]).unwrap();
    fs::write(path("latin.yaml"), b"kind: \xff\n").unwrap();
    fs::write(path("deep.yaml"), format!("a: {}", "[".repeat(200))).unwrap();
    let read = |path: &Path| match kind::read(path, &overrides) {
        Ok(read) => read.setting.to_string(),
        Err(error) => error.to_string(),
    };
    let files =
        ["none.yaml", "large.yaml", "latin.yaml", "deep.yaml"].map(|name| read(&path(name)));
    let others = ["/dev/zero", "src/tests/fixtures", "src/tests/fixtures/nomad-hcl.json"];
    let said = files.into_iter().chain(others.map(|name| read(Path::new(name))));
    said.map(|said| said.replace(&format!("{}/", folder.path().display()), "")).collect()
}

/// What files there are in a folder, by name.
fn files(folder: &str) -> Vec<PathBuf> {
    let mut files = Vec::new();
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() && path.file_name() != Some("tests".as_ref()) {
            files.extend(self::files(path.to_str().unwrap()));
        } else if path.is_file() {
            files.push(path);
        }
    }
    files.sort();
    files
}

/// Of each text in the source that is a sentence, the longest part without a placeholder.
fn messages_in_the_source() -> impl Iterator<Item = String> {
    let is_source = |path: &PathBuf| path.extension() == Some("rs".as_ref());
    let sources = files("src").into_iter().filter(is_source);
    sources.flat_map(|path| literals(&path)).filter_map(|literal| {
        let parts = literal.split(['{', '}']).enumerate().filter(|(at, _)| at % 2 == 0);
        let longest = parts.map(|(_, part)| part.trim()).max_by_key(|part| part.len())?;
        // Four words or more, and no name.
        let is_sentence =
            longest.split(' ').filter(|word| !word.starts_with(char::is_uppercase)).count() > 3;
        is_sentence.then(|| longest.replace('\u{1}', "{").replace('\u{2}', "}"))
    })
}

/// The texts of a source file, without those in comments.
fn literals(path: &Path) -> Vec<String> {
    let text = fs::read_to_string(path).unwrap();
    let code: String = text
        .lines()
        .filter(|line| !line.trim_start().starts_with("//"))
        .map(|line| format!("{line}\n"))
        .collect();
    let mut found = Vec::new();
    let mut chars = code.chars().peekable();
    while let Some(char) = chars.next() {
        match char {
            '\'' => {
                // A character, or a lifetime.
                let mut ahead = chars.clone();
                if ahead.next() == Some('\\') || ahead.next() == Some('\'') {
                    chars = ahead;
                    while chars.next_if(|char| *char != '\'').is_some() {}
                }
            }
            '"' => {
                let mut literal = String::new();
                while let Some(char) = chars.next().filter(|char| *char != '"') {
                    match (char, chars.peek()) {
                        ('\\', Some('\n')) => {
                            while chars.next_if(|char| char.is_whitespace()).is_some() {}
                        }
                        ('\\', Some(_)) => literal.extend(chars.next()),
                        (char, _) => literal.push(char),
                    }
                }
                found.push(literal.replace("{{", "\u{1}").replace("}}", "\u{2}"));
            }
            _ => {}
        }
    }
    found
}
