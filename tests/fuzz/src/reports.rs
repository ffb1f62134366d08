//! Reports: what was read as one is written in each format.

use std::sync::LazyLock;

use lifecycle::Report;
use serde_json::Value;

use crate::{choices::Choices, json::changed};

static SEED: LazyLock<Value> = LazyLock::new(|| {
    serde_json::from_str(include_str!("../seeds/report.json"))
        .unwrap_or_else(|error| panic!("seeds/report.json: {error}"))
});

/// A report after some changes, or the bytes as they are.
pub(crate) fn text(bytes: &[u8]) -> String {
    let mut choices = Choices(bytes);
    match choices.byte() {
        255 => String::from_utf8_lossy(choices.0).into_owned(),
        _ => changed(&SEED, &mut choices),
    }
}

pub(crate) fn body(bytes: &[u8]) {
    let Ok(report) = Report::from_json(&text(bytes)) else { return };
    write(&report);
}

fn write(report: &Report) {
    let timeline = report.to_string();
    assert!(!timeline.contains(|char: char| char.is_control() && char != '\n'), "{timeline:?}");
    let _ = (format!("{report:#}"), report.to_svg(), report.to_html(), report.blame().len());
    let _ = (report.critical_chain().len(), report.drain().abandoned());
    let _ = report.hooks().iter().filter_map(|hook| hook.slack()).max();
    let written = report.to_json();
    let read = Report::from_json(&written).unwrap_or_else(|error| panic!("{error}: {written}"));
    assert_eq!(read.to_json(), written);
}
