//! docs/shapes.md names tests that exist.

use std::{collections::BTreeSet, fs, path::Path};

#[test]
fn every_test_that_shapes_names_exists() {
    let here = Path::new(env!("CARGO_MANIFEST_DIR"));
    let text = fs::read_to_string(here.join("../../docs/shapes.md")).unwrap();
    let is_test = |span: &&str| {
        let words = span
            .chars()
            .all(|letter| letter.is_ascii_lowercase() || "_1234567890".contains(letter));
        words && span.matches('_').count() > 3
    };
    let prose = text.split("```").step_by(2);
    let named: BTreeSet<_> =
        prose.flat_map(|text| text.split('`').skip(1).step_by(2)).filter(is_test).collect();
    assert!(named.len() > 20, "only {} tests were read", named.len());
    let sources: String = fs::read_dir(here.join("tests"))
        .unwrap()
        .map(|file| fs::read_to_string(file.unwrap().path()).unwrap())
        .collect();
    for name in named {
        assert!(sources.contains(&format!("fn {name}(")), "there is no test `{name}`");
    }
}
