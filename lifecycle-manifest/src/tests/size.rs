//! Manifests that are large, deep, or made to be.

use std::{
    fmt::Write,
    fs,
    sync::LazyLock,
    thread,
    time::{Duration, Instant},
};

use super::parsed;

/// What is said of `text`, and soon, on a thread with little stack.
fn said(text: String) -> String {
    let read = move || {
        let began = time_spent();
        let said = parsed("k8s.yaml", &text)
            .map_or_else(|error| error.to_string(), |workload| workload.environment);
        let took = time_spent() - began;
        assert!(took < SOON, "{took:?}");
        said
    };
    thread::Builder::new().stack_size(512 * 1_024).spawn(read).unwrap().join().unwrap()
}

#[test]
fn what_is_too_deep_is_refused_at_its_line() {
    let deep = "nested more than 128 deep, which no manifest is";
    let levels = |levels: usize| {
        let mut text = "kind: Pod\nspec:\n".to_owned();
        (1..=levels).for_each(|level| writeln!(text, "{:level$}a:", "").unwrap());
        text
    };
    assert_eq!(said(levels(10_000)), format!("k8s.yaml:130: {deep}"));
    assert_eq!(said(levels(128)), format!("k8s.yaml:130: {deep}"));
    assert!(said(levels(127)).contains("no container in it"));
    assert_eq!(
        said(format!("kind: Pod\nspec: {}", "[".repeat(10_000))),
        format!("k8s.yaml:2: {deep}")
    );
    let flow = format!("kind: Pod\nspec: {}{}", "[".repeat(200), "]".repeat(200));
    assert_eq!(said(flow), format!("k8s.yaml:2: {deep}"));
    assert_eq!(
        said(format!("kind: Pod\nspec:\n  {}a", "- ".repeat(10_000))),
        format!("k8s.yaml:3: {deep}")
    );
}

#[test]
fn aliases_are_as_deep_as_what_they_stand_for() {
    let text = |levels: usize| {
        let mut text = "kind: Pod\na0: &a0 [x]\n".to_owned();
        (1..levels)
            .for_each(|level| writeln!(text, "a{level}: &a{level} [*a{}]", level - 1).unwrap());
        text
    };
    assert!(said(text(127)).contains("no container in it"));
    assert_eq!(said(text(400)), "k8s.yaml:129: nested more than 128 deep, which no manifest is");
    for unknown in ["a: &a [*a]\n", "a: &a 1\n---\nb: *a\n"] {
        assert!(said(unknown.to_owned()).contains("is an alias of nothing"), "{unknown}");
    }
}

/// Far more than it takes, and far less than what grows with the square takes.
pub(super) const SOON: Duration = Duration::from_secs(4);

#[test]
fn reading_grows_with_the_size() {
    let mut pod =
        "kind: Pod\nspec:\n  containers:\n    - name: orders\n      image: a\n      env:\n"
            .to_owned();
    let mut compose = "services:\n".to_owned();
    for n in 0..10_000 {
        writeln!(pod, "        - {{ name: VARIABLE_{n}, value: \"{n}\" }}").unwrap();
        writeln!(compose, "  orders{n}: {{ stop_grace_period: {n}s }}").unwrap();
    }
    assert_eq!(said(pod), "env of `orders`, k8s.yaml:4");
    assert_eq!(
        said(compose),
        "k8s.yaml: which container is the service? It has `orders0`, `orders1`, `orders2`, `orders3`, `orders4`, \
         `orders5`, `orders6`, `orders7`, `orders8`, `orders9` and 9990 more; name one: `k8s.yaml#orders0`"
    );
}

/// What this thread has worked, which does not grow with what else the machine does; where the system
/// does not tell, the time since some moment.
pub(super) fn time_spent() -> Duration {
    static START: LazyLock<Instant> = LazyLock::new(Instant::now);
    let worked = || {
        let told = fs::read_to_string("/proc/thread-self/schedstat").ok()?;
        told.split_whitespace().next()?.parse().ok().map(Duration::from_nanos)
    };
    worked().unwrap_or_else(|| START.elapsed())
}
