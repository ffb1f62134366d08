//! CONFORMANCE.md names tests that exist, and leaves few scenarios without one.

use std::{collections::HashMap, fs, path::Path};

#[test]
fn every_test_that_is_named_exists_and_few_scenarios_have_none() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let text = fs::read_to_string(root.join("tests/CONFORMANCE.md")).unwrap();
    let rows = || {
        text.lines().filter_map(|line| {
            let cells: Vec<_> = line.strip_prefix("| ")?.strip_suffix(" |")?.split(" | ").collect();
            <[&str; 2]>::try_from(cells).ok()
        })
    };
    let folders: HashMap<_, _> = rows()
        .filter(|[short, _]| short.len() == 1)
        .map(|[short, folder]| (short, folder))
        .collect();
    assert_eq!(folders.len(), 13, "the table of folders");
    let scenarios: Vec<_> = rows()
        .filter(|[short, cover]| {
            short.len() > 1 && (cover.contains("::") || cover.starts_with("none: "))
        })
        .collect();
    let without = scenarios.iter().filter(|[_, cover]| cover.starts_with("none: ")).count();
    assert!(scenarios.len() > 120, "only {} scenarios were read", scenarios.len());
    assert!(
        without * 4 <= scenarios.len(),
        "{without} of {} scenarios have no test",
        scenarios.len()
    );
    for [scenario, cover] in scenarios.iter().filter(|[_, cover]| !cover.starts_with("none: ")) {
        let (path, name) = cover.split_once("::").unwrap();
        let (short, file) = path.split_once('/').unwrap();
        let path = root.join(folders[short]).join(file).with_extension("rs");
        let source = fs::read_to_string(&path)
            .unwrap_or_else(|error| panic!("{scenario}: {}: {error}", path.display()));
        assert!(
            ["(", "<"].iter().any(|next| source.contains(&format!("fn {name}{next}"))),
            "{scenario}: {} has no test `{name}`",
            path.display()
        );
    }
}
