//! The page, the alerts and the dashboard speak of the metrics that there are.

use std::{collections::BTreeSet, env, fs, path::PathBuf};

use lifecycle_telemetry::table::{METRICS, markdown};

fn file(path: &str) -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("..").join(path)
}

/// `LIFECYCLE_GOLDEN=write` writes it.
#[test]
fn the_page_has_the_table() {
    const BEGIN: &str = "<!-- table -->\n";
    const END: &str = "<!-- end -->";
    let path = file("docs/metrics.md");
    let page = fs::read_to_string(&path).unwrap();
    let (before, rest) = page.split_once(BEGIN).unwrap();
    let (shown, after) = rest.split_once(END).unwrap();
    let table = markdown();
    if env::var("LIFECYCLE_GOLDEN").is_ok_and(|what| what == "write") {
        fs::write(&path, format!("{before}{BEGIN}{table}{END}{after}")).unwrap();
        return;
    }
    assert_eq!(shown, table);
}

/// Words that begin as a metric does.
fn named(text: &str) -> BTreeSet<&str> {
    let words = text.split(|c: char| !(c.is_ascii_alphanumeric() || c == '_'));
    words.filter(|word| word.starts_with("lifecycle_")).collect()
}

#[test]
fn alerts_and_dashboard_name_only_metrics_that_exist_and_the_dashboard_all() {
    let known: BTreeSet<_> = METRICS.iter().map(|metric| metric.prometheus_name()).collect();
    assert_eq!(known.len(), METRICS.len());
    for path in ["deploy/alerts.yaml", "deploy/alerts.test.yaml", "deploy/dashboard.json"] {
        let text = fs::read_to_string(file(path)).unwrap();
        // A comment may speak of all of a kind.
        let text: String = text.lines().filter(|line| !line.trim().starts_with('#')).collect();
        let named = named(&text);
        assert!(!named.is_empty());
        for name in &named {
            assert!(known.contains(*name), "{path}: there is no {name}");
        }
        if path.ends_with(".json") {
            serde_json::from_str::<serde_json::Value>(&text).unwrap();
            let missing: Vec<_> = known.iter().filter(|name| !named.contains(&***name)).collect();
            assert!(missing.is_empty(), "{path}: {missing:?}");
        }
    }
}

#[test]
fn names_are_as_each_field_writes_them() {
    for metric in METRICS {
        assert!(metric.name.starts_with("lifecycle."), "{}", metric.name);
        let name = metric.prometheus_name();
        assert!(name.starts_with("lifecycle_"), "{name}");
        assert!(name.chars().all(|char| char.is_ascii_lowercase() || char == '_'), "{name}");
    }
}
