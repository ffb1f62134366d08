//! The plan as a Mermaid flowchart, which many forges draw where they find it in a text.

use std::fmt::Write;

use crate::text::terminal::plain;

use super::{
    super::{Plan, PlannedHook},
    table::times,
};

impl Plan {
    /// The plan as a Mermaid flowchart: a subgraph for each order, who waits for whom, and the
    /// critical path in thick lines, its hooks marked `▸`. Of an invalid plan it has what does not
    /// contradict, and a note that says so. The same plan gives the same text.
    #[must_use]
    pub fn to_mermaid(&self) -> String {
        let view = self.view();
        let mut text = "flowchart TB\n".to_owned();
        if let Some(error) = &view.error {
            let note = error.in_short();
            let _ = writeln!(text, "  %% {note}\n  invalid[\"{}\"]", escaped(&note));
        }
        for (band, order) in view.orders().enumerate() {
            let _ =
                writeln!(text, "  subgraph o{band}[\"order {}\"]\n    direction TB", order.order);
            for (at, hook) in order.places() {
                let mark = if hook.is_critical { "▸\u{a0}" } else { "" };
                let class = match (hook.is_critical, hook.is_unordered()) {
                    (true, true) => ":::both",
                    (true, false) => ":::critical",
                    (false, true) => ":::unordered",
                    (false, false) => "",
                };
                let _ = writeln!(text, "    h{at}[\"{mark}{}\"]{class}", label(hook));
            }
            for (before, at) in order.waits() {
                let is_critical = view.hooks[at].is_critical_after(before);
                let arrow = if is_critical { "==>" } else { "-->" };
                let _ = writeln!(text, "    h{before} {arrow} h{at}");
            }
            text += "  end\n";
            if band > 0 {
                let _ = writeln!(text, "  o{} -. barrier .-> o{band}", band - 1);
            }
        }
        // A node has one class at most.
        for (class, style) in [
            ("critical", "stroke-width:4px"),
            ("unordered", "stroke-dasharray:5 4"),
            ("both", "stroke-width:4px,stroke-dasharray:5 4"),
        ] {
            if text.contains(&format!("\"]:::{class}\n")) {
                let _ = writeln!(text, "  classDef {class} {style}");
            }
        }
        text
    }
}

fn label(hook: &PlannedHook) -> String {
    format!("{}<br/>{}", escaped(&hook.name), times(hook))
}

/// Mermaid's own entities: all that means something to it, or to the HTML that it makes.
fn escaped(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for char in plain(text).chars() {
        match char {
            '"' | '#' | '&' | '<' | '>' | '`' | ';' | '\\' => {
                let _ = write!(out, "#{};", u32::from(char));
            }
            char => out.push(char),
        }
    }
    out
}
