//! What docs/recipes.md shows is what runs here.

use std::{collections::BTreeMap, fs, path::Path};

fn page() -> String {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/recipes.md");
    fs::read_to_string(path).unwrap()
}

/// The lines of the first block of text after the program.
pub(crate) fn texts_after(program: &str) -> Vec<String> {
    let page = page();
    let (_, after) = page.split_once(&format!("tests/recipes/{program}")).unwrap();
    let (_, text) = after.split_once("```text\n").unwrap();
    text.lines().take_while(|line| *line != "```").map(str::to_owned).collect()
}

/// The blocks of the page by the file that is linked before it.
fn blocks(page: &str) -> BTreeMap<&str, &str> {
    let mut blocks = BTreeMap::new();
    for (before, block) in page.match_indices("```rust,ignore\n").map(|(at, fence)| {
        let code = &page[at + fence.len()..];
        (&page[..at], &code[..code.find("```").unwrap()])
    }) {
        let (_, name) = before.rsplit_once("(../tests/recipes/").unwrap();
        blocks.insert(name.split_once(')').unwrap().0, block);
    }
    blocks
}

#[test]
fn the_page_shows_the_programs_that_run() {
    let here = Path::new(env!("CARGO_MANIFEST_DIR"));
    let page = page();
    let blocks = blocks(&page);
    for (name, block) in &blocks {
        assert_eq!(*block, fs::read_to_string(here.join(name)).unwrap(), "{name}");
    }
    let shown: Vec<_> = blocks.into_keys().collect();
    let programs = [
        "src/bin/actix.rs",
        "src/bin/appender.rs",
        "src/bin/color-eyre.rs",
        "src/bin/kafka.rs",
        "src/bin/opentelemetry/main.rs",
        "src/bin/opentelemetry/telemetry.rs",
    ];
    assert_eq!(shown, programs);
}

/// A program that differs from a recipe does so in nothing else.
#[test]
fn variants_differ_in_what_they_are_for() {
    let here = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    let read = |path: &str| fs::read_to_string(here.join(path)).unwrap();
    let main = read("bin/opentelemetry/main.rs");
    let variant = read("variant/opentelemetry_current_thread.rs");
    let variant = variant
        .replace("#[path = \"../bin/opentelemetry/exporter.rs\"]\n", "")
        .replace("#[path = \"../bin/opentelemetry/telemetry.rs\"]\n", "")
        .replace("main(flavor = \"current_thread\")", "main");
    assert_eq!(variant, main);
    let appender = read("bin/appender.rs");
    let control = read("control/appender_guard_in_main.rs");
    let (_, control) = control.split_once("\n\n").unwrap();
    let kept = "    lifecycle::keep_until_exit(guard);\n";
    assert_eq!(control.replace("_guard", "guard"), appender.replace(kept, ""));
}
