//! The plan in the language of Graphviz.

use std::{collections::HashSet, fmt::Write};

use crate::text::terminal::plain;

use super::{
    super::{Plan, PlannedHook},
    table::times,
};

impl Plan {
    /// The plan as Graphviz reads it (`dot -Tsvg`): a cluster for each order with a barrier between
    /// two, who waits for whom, and the critical path bold. Of an invalid plan it has what does not
    /// contradict, and a label that says so. The same plan gives the same text.
    #[must_use]
    pub fn to_dot(&self) -> String {
        let view = self.view();
        let mut text =
            "digraph plan {\n  labeljust=l\n  node [shape=box fontname=monospace]\n".to_owned();
        if let Some(error) = &view.error {
            let _ = writeln!(text, "  label=\"{}\"\n  labelloc=t", escaped(&error.in_short()));
        }
        let mut ends = Vec::new();
        for (band, order) in view.orders().enumerate() {
            let _ =
                writeln!(text, "  subgraph cluster_{band} {{\n    label=\"order {}\"", order.order);
            for (at, hook) in order.places() {
                let style = match (hook.is_critical, hook.is_unordered()) {
                    (true, true) => " style=\"bold,dashed\"",
                    (true, false) => " style=bold",
                    (false, true) => " style=dashed",
                    (false, false) => "",
                };
                let (label, place) = (label(hook), escaped(&hook.location().to_string()));
                let _ = writeln!(text, "    h{at} [label=\"{label}\" tooltip=\"{place}\"{style}]");
            }
            text += "  }\n";
            for (before, at) in order.waits() {
                let is_critical = view.hooks[at].is_critical_after(before);
                let bold = if is_critical { " [style=bold]" } else { "" };
                let _ = writeln!(text, "  h{before} -> h{at}{bold}");
            }
            if band > 0 {
                let _ = writeln!(text, "  b{band} [shape=plaintext label=\"barrier\"]");
                let waiting: HashSet<usize> = order.waits().map(|(_, at)| at).collect();
                let begins = order.places().map(|(at, _)| at).filter(|at| !waiting.contains(at));
                let out = begins.map(|at| (format!("b{band}"), format!("h{at}"), at));
                let before = std::mem::take(&mut ends).into_iter();
                let into = before.map(|at| (format!("h{at}"), format!("b{band}"), at));
                for (from, to, at) in into.chain(out) {
                    let is_critical = view.hooks[at].is_critical;
                    let style = if is_critical { "bold,dashed" } else { "dashed" };
                    let _ = writeln!(text, "  {from} -> {to} [style=\"{style}\"]");
                }
            }
            let waited_for: HashSet<usize> = order.waits().map(|(before, _)| before).collect();
            ends = order.places().map(|(at, _)| at).filter(|at| !waited_for.contains(at)).collect();
        }
        text + "}\n"
    }
}

fn label(hook: &PlannedHook) -> String {
    format!("{}\\n{}", escaped(&hook.name), times(hook))
}

/// Graphviz reads entities of HTML in labels.
fn escaped(text: &str) -> String {
    plain(text).replace('\\', "\\\\").replace('"', "\\\"").replace('&', "&amp;")
}
