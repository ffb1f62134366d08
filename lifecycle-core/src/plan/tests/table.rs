use super::support::*;

#[test]
fn it_shows_order_name_timeout_place_and_what_each_waits_for() {
    let plan = plan([
        hook::<A>().timeout(1),
        hook::<B>().after([id::<A>()]),
        hook::<C>(),
        hook::<D>().order(-10).name("telemetry"),
    ]);
    assert_eq!(
        plan.to_string(),
        "order  hook       timeout  declared at
  -10  telemetry       5s  src/hooks.rs:4
    0  a               1s  src/hooks.rs:1
    0  b               5s  src/hooks.rs:2
         after a
    0  c               5s  src/hooks.rs:3
         unordered

worst case 11s: telemetry 5s -> a 1s -> b 5s"
    );
}

#[test]
fn no_line_is_wider_than_a_terminal() {
    for count in [1, 8, 40, 300] {
        let long = (0..count).map(|n| {
            let mut spec =
                numbered(n).after((0..n).filter(|m| m % 3 == n % 3).map(|m| numbered(m).id));
            let width = 5 + n;
            spec.name =
                format!("a_crate_of_some_length::with::modules::nested::deep::{n:0>width$}").into();
            spec.order((n / 100) as i32)
        });
        let text = plan(long).to_string();
        for line in text.lines() {
            assert!(line.chars().count() <= 80, "{} wide: {line}", line.chars().count());
        }
    }
}

#[test]
fn a_broken_plan_is_shown_with_what_is_wrong() {
    let text = plan([hook::<A>().after([id::<B>()]), hook::<B>().after([id::<A>()])]).to_string();
    assert!(text.starts_with("order  hook") && text.contains("wait for one another"), "{text}");
}

#[test]
fn an_empty_plan_says_so() {
    assert_eq!(plan([]).to_string(), "the shutdown plan has no hooks");
}

#[test]
fn what_it_waits_for_are_the_nearest_by_their_last_name() {
    let named = |n: usize, name: &'static str| numbered(n).name(name);
    let plan = plan([
        named(0, "x::one"),
        named(1, "x::two").after([numbered(0).id]),
        named(2, "y::two"),
        named(3, "x::three").after([0, 1, 2].map(|n| numbered(n).id)),
        hook::<A>().order(1),
    ]);
    let text = plan.to_string();
    assert!(text.contains("\n         after x::two, y::two\n"), "{text}");
    assert!(text.contains("\n         after one\n"), "{text}");
    assert!(text.ends_with("worst case 20s: one 5s -> x::two 5s -> three 5s -> a 5s"), "{text}");
}

#[test]
fn many_are_counted() {
    let text = plan((0..20).map(|n| match n {
        19 => numbered(n).after((0..19).map(|n| numbered(n).id)),
        _ => numbered(n),
    }))
    .to_string();
    let words = text.split_whitespace().collect::<Vec<_>>().join(" ");
    assert!(words.contains(" hook07, 11 more worst case"), "{text}");
}

#[test]
fn in_colour_it_says_the_same() {
    let plan = plan([hook::<A>(), hook::<B>().timeout(9), hook::<C>().after([id::<B>()])]);
    let coloured = format!("{plan:#}");
    let mut parts = coloured.split("\x1b[");
    let first = parts.next().unwrap_or_default().to_owned();
    let plain = parts.fold(first, |text, part| text + part.split_once('m').unwrap().1);
    assert_eq!(plain, plan.to_string());
    for painted in
        ["\x1b[1mb          9s\x1b[0m", "\x1b[2msrc/hooks.rs:1\x1b[0m", "\x1b[33munordered\x1b[0m"]
    {
        assert!(coloured.contains(painted), "{painted:?} in {coloured:?}");
    }
}
