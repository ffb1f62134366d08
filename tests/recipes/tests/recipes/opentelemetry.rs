use std::collections::HashMap;

use lifecycle_process_tests::{Ending, Service, Signal, Stream, service};

/// The spans that arrived, each as its path from the root, sorted.
fn spans(ending: &Ending) -> Vec<String> {
    let lines = ending.lines(Stream::Stdout).filter_map(|line| line.strip_prefix("span "));
    let spans: Vec<_> = lines.map(|line| line.splitn(4, ' ').collect::<Vec<_>>()).collect();
    let by_id: HashMap<_, _> =
        spans.iter().map(|span| ((span[0], span[1]), (span[2], span[3]))).collect();
    assert_eq!(by_id.len(), spans.len(), "each span arrives once: {ending}");
    let path = |trace, id| {
        let mut path = Vec::new();
        let mut next = id;
        while let Some((parent, name)) = by_id.get(&(trace, next)) {
            path.push(*name);
            next = parent;
        }
        // A parent that did not arrive is seen.
        assert!(next.chars().all(|digit| digit == '0'), "{path:?} has lost its parent: {ending}");
        path.reverse();
        path.join(" / ")
    };
    let mut paths: Vec<_> = spans.iter().map(|span| path(span[0], span[1])).collect();
    paths.sort();
    paths
}

fn every_span_of_the_stop_arrives(program: Service, name: &str) {
    let mut child = program.start();
    child.wait_for("order begun");
    child.signal(Signal::TERM);
    let ending = child.end();
    ending.exits(0);
    assert_eq!(
        spans(&ending),
        [
            "hook opentelemetry::flush".to_owned(),
            "place_order".to_owned(),
            "shutdown".to_owned(),
            "shutdown / drain".to_owned(),
            format!("shutdown / hook {name}::close_pool"),
            format!("shutdown / hook {name}::flush_outbox"),
            format!("shutdown / hook {name}::flush_outbox / send_messages"),
        ],
        "{ending}"
    );
}

#[test]
fn every_span_of_the_stop_arrives_on_many_threads() {
    every_span_of_the_stop_arrives(service!(bin "opentelemetry"), "opentelemetry");
}

#[test]
fn every_span_of_the_stop_arrives_on_one_thread() {
    let name = "opentelemetry_current_thread";
    every_span_of_the_stop_arrives(service!(bin "opentelemetry-current-thread"), name);
}

#[test]
fn an_async_hook_holds_the_runtime_that_is_to_send() {
    let mut child = service!(bin "opentelemetry-async-hook").start();
    child.wait_for("up");
    child.signal(Signal::TERM);
    let ending = child.end();
    ending.exits(70);
    ending
        .says("export_spans` (src/control/opentelemetry_async_hook.rs:13) failed: ")
        .says("Timeout(");
}
