//! The plan in the language of Graphviz.

use std::{collections::HashSet, fmt::Write};

use crate::text::terminal::plain;

use super::{
    super::{Plan, PlannedHook},
    table::times,
};

impl Plan {
    /// The plan as Graphviz reads it (`dot -Tsvg`): a cluster for each order with a barrier between two, who
    /// waits for whom, and the critical path bold. Of an invalid plan it has what does not contradict, and a
    /// label that says so. The same plan gives the same text.
    #[must_use]
    pub fn to_dot(&self) -> String {
        let path = self.graph().critical_path();
        let critical: HashSet<u32> = path.iter().copied().collect();
        let steps: HashSet<(u32, u32)> = path.windows(2).map(|pair| (pair[0], pair[1])).collect();
        let waits = self.graph().waits();
        let mut text =
            "digraph plan {\n  labeljust=l\n  node [shape=box fontname=monospace]\n".to_owned();
        if let Err(error) = self.check() {
            let _ = writeln!(text, "  label=\"{}\"\n  labelloc=t", escaped(&error.in_short()));
        }
        let (mut first, mut ends) = (0, Vec::new());
        for (band, hooks) in self.hooks().chunk_by(|a, b| a.order == b.order).enumerate() {
            let members = first..first + hooks.len() as u32;
            let inside =
                |at: u32| waits[at as usize].iter().copied().filter(move |before| *before >= first);
            let _ = writeln!(
                text,
                "  subgraph cluster_{band} {{\n    label=\"order {}\"",
                hooks[0].order
            );
            for (at, hook) in members.clone().zip(hooks) {
                let style = match (critical.contains(&at), hook.unordered) {
                    (true, true) => " style=\"bold,dashed\"",
                    (true, false) => " style=bold",
                    (false, true) => " style=dashed",
                    (false, false) => "",
                };
                let (label, place) = (label(hook), escaped(&hook.location.to_string()));
                let _ = writeln!(text, "    h{at} [label=\"{label}\" tooltip=\"{place}\"{style}]");
            }
            text += "  }\n";
            for (before, at) in
                members.clone().flat_map(|at| inside(at).map(move |before| (before, at)))
            {
                let bold = if steps.contains(&(before, at)) { " [style=bold]" } else { "" };
                let _ = writeln!(text, "  h{before} -> h{at}{bold}");
            }
            if band > 0 {
                let _ = writeln!(text, "  b{band} [shape=plaintext label=\"barrier\"]");
                let begins = members.clone().filter(|&at| inside(at).next().is_none());
                let (before, behind) = (std::mem::take(&mut ends), begins.collect::<Vec<_>>());
                let into = before.into_iter().map(|at| (format!("h{at}"), format!("b{band}"), at));
                let out = behind.into_iter().map(|at| (format!("b{band}"), format!("h{at}"), at));
                for (from, to, hook) in into.chain(out) {
                    let style = if critical.contains(&hook) { "bold,dashed" } else { "dashed" };
                    let _ = writeln!(text, "  {from} -> {to} [style=\"{style}\"]");
                }
            }
            let waited_for: HashSet<u32> = members.clone().flat_map(inside).collect();
            ends = members.filter(|at| !waited_for.contains(at)).collect();
            first += hooks.len() as u32;
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
