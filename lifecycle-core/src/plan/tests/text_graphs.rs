//! Mermaid and Graphviz: what is written, line by line.

use super::support::*;
use crate::Plan;

/// Orders, a chain beside a hook without an edge, and a name with all that has a meaning to anybody.
fn sample() -> Plan {
    plan([
        hook::<A>().timeout(1),
        hook::<B>().after([id::<A>()]),
        hook::<C>(),
        hook::<D>().order(-10).timeout(2),
        hook::<E>().order(7).name("say \"#1\" <a>&b`;\\\n\u{1b}\u{202e}"),
    ])
}

#[test]
fn mermaid_reads_like_this() {
    assert_eq!(
        sample().to_mermaid(),
        "\
flowchart TB
  subgraph o0[\"order -10\"]
    direction TB
    h0[\"▸\u{a0}d<br/>2s\"]:::critical
  end
  subgraph o1[\"order 0\"]
    direction TB
    h1[\"▸\u{a0}a<br/>1s\"]:::critical
    h2[\"▸\u{a0}b<br/>5s\"]:::critical
    h3[\"c<br/>5s\"]:::unordered
    h1 ==> h2
  end
  o0 -. barrier .-> o1
  subgraph o2[\"order 7\"]
    direction TB
    h4[\"▸\u{a0}say #34;#35;1#34; #60;a#62;#38;b#96;#59;#92;??<br/>5s\"]:::critical
  end
  o1 -. barrier .-> o2
  classDef critical stroke-width:4px
  classDef unordered stroke-dasharray:5 4
"
    );
}

#[test]
fn graphviz_reads_like_this() {
    assert_eq!(
        sample().to_dot(),
        "\
digraph plan {
  labeljust=l
  node [shape=box fontname=monospace]
  subgraph cluster_0 {
    label=\"order -10\"
    h0 [label=\"d\\n2s\" tooltip=\"src/hooks.rs:4\" style=bold]
  }
  subgraph cluster_1 {
    label=\"order 0\"
    h1 [label=\"a\\n1s\" tooltip=\"src/hooks.rs:1\" style=bold]
    h2 [label=\"b\\n5s\" tooltip=\"src/hooks.rs:2\" style=bold]
    h3 [label=\"c\\n5s\" tooltip=\"src/hooks.rs:3\" style=dashed]
  }
  h1 -> h2 [style=bold]
  b1 [shape=plaintext label=\"barrier\"]
  h0 -> b1 [style=\"bold,dashed\"]
  b1 -> h1 [style=\"bold,dashed\"]
  b1 -> h3 [style=\"dashed\"]
  subgraph cluster_2 {
    label=\"order 7\"
    h4 [label=\"say \\\"#1\\\" <a>&amp;b`;\\\\??\\n5s\" tooltip=\"src/hooks.rs:5\" style=bold]
  }
  b2 [shape=plaintext label=\"barrier\"]
  h2 -> b2 [style=\"bold,dashed\"]
  h3 -> b2 [style=\"dashed\"]
  b2 -> h4 [style=\"bold,dashed\"]
}
"
    );
}

#[test]
fn what_is_critical_and_unordered_is_shown_as_both() {
    let both = plan([hook::<A>(), hook::<B>().timeout(9)]);
    let mermaid = both.to_mermaid();
    assert!(mermaid.contains("a<br/>5s\"]:::unordered\n"), "{mermaid}");
    assert!(mermaid.contains("b<br/>9s\"]:::both\n"), "{mermaid}");
    assert!(
        mermaid.ends_with("  classDef both stroke-width:4px,stroke-dasharray:5 4\n"),
        "{mermaid}"
    );
    assert!(!mermaid.contains("classDef critical"), "{mermaid}");
    let dot = both.to_dot();
    assert!(dot.contains("b\\n9s\" tooltip=\"src/hooks.rs:2\" style=\"bold,dashed\"]"), "{dot}");
}

/// Who comes first to the registry depends on the linker.
#[test]
fn the_same_hooks_in_any_order_are_the_same_text() {
    let specs = || {
        (0..30)
            .map(|n| numbered(n).after((0..n).filter(|m| n % 5 == m % 7).map(|m| numbered(m).id)))
    };
    let (forwards, backwards) = (plan(specs()), plan(specs().rev()));
    assert_eq!(forwards.to_mermaid(), backwards.to_mermaid());
    assert_eq!(forwards.to_dot(), backwards.to_dot());
}

#[test]
fn a_plan_without_hooks_and_one_that_contradicts_itself_are_written() {
    let empty = plan([]);
    assert_eq!(empty.to_mermaid(), "flowchart TB\n");
    assert_eq!(
        empty.to_dot(),
        "digraph plan {\n  labeljust=l\n  node [shape=box fontname=monospace]\n}\n"
    );
    let broken = plan([hook::<A>().after([id::<B>()]), hook::<B>().after([id::<A>()])]);
    let invalid = "invalid: it contradicts itself, and LIFECYCLE_PLAN=check says how";
    let hooks = "  subgraph o0[\"order 0\"]
    direction TB
    h0[\"▸\u{a0}a<br/>5s\"]:::critical
    h1[\"b<br/>5s\"]
  end
  classDef critical stroke-width:4px
";
    let mermaid = format!("flowchart TB\n  %% {invalid}\n  invalid[\"{invalid}\"]\n{hooks}");
    assert_eq!(broken.to_mermaid(), mermaid);
    let dot = broken.to_dot();
    assert!(dot.contains(&format!("\n  label=\"{invalid}\"\n  labelloc=t\n")), "{dot}");
    assert!(dot.contains("h1 [label=\"b\\n5s\" tooltip=\"src/hooks.rs:2\"]"), "{dot}");
}

/// In a sequential plan a hook waits for the last of the order before: the barrier says that.
#[test]
fn no_edge_leads_from_order_to_order() {
    let text = sample().sequential().to_mermaid();
    assert!(text.contains("h2 ==> h3") && !text.contains("h3 ==> h4"), "{text}");
    assert!(!sample().sequential().to_dot().contains("h3 -> h4"));
}
