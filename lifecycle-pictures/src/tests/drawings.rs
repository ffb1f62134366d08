//! What stands in a drawing, whatever is drawn.

use std::{collections::HashSet, fs, path::Path};

use lifecycle_core::{
    Outcome, Report,
    testing::samples::{SampleHook, plan_of},
};
use serde_json::{Value, json};

use super::{
    super::{report::timeline, style},
    samples::*,
};

pub(super) const SIZES: [usize; 5] = [0, 1, 8, 40, 200];

/// Every picture of every sample, with what to call it.
fn every() -> Vec<(String, String)> {
    let mut every = Vec::new();
    for count in SIZES {
        let report = if count == 0 { empty_report() } else { report(count) };
        every.push((format!("report of {count} as SVG"), report.to_svg()));
        every.push((format!("report of {count} as HTML"), report.to_html()));
        let plans =
            Shape::ALL.map(|shape| (format!("{shape:?} of {count}"), plan(shape, count).to_svg()));
        every.extend(plans);
    }
    every
}

#[test]
fn numbers_are_numbers_and_nothing_has_an_id() {
    for (name, picture) in every() {
        for not in ["NaN", "inf", "=\"-0\"", " id=", "<script", "http-equiv", "url(", "@import"] {
            assert!(!picture.contains(not), "{name} has {not:?}");
        }
        let links = picture.matches("://").count();
        let known = picture.matches("http://www.w3.org/2000/svg").count()
            + picture.matches("postgres://app:***@").count();
        assert_eq!(links, known, "{name} leads elsewhere");
        assert_eq!(picture.matches("<style>").count(), 1, "{name}");
    }
}

/// Who registers first is up to the linker.
#[test]
fn the_same_is_drawn_the_same() {
    for ((name, first), (_, second)) in every().into_iter().zip(every()) {
        assert!(first == second, "{name} differs from itself");
    }
    let before = |at: usize| if at > 0 { vec![spec(at / 2).number] } else { Vec::new() };
    let specs = || (0..40).map(|at| SampleHook { after: before(at), ..spec(at) });
    let (forwards, backwards) = (plan_of(specs()), plan_of(specs().rev()));
    assert!(forwards.to_svg() == backwards.to_svg());
}

/// Nobody has to look up what a colour is, and colour says nothing that a sign does not.
#[test]
fn every_outcome_has_its_sign_its_word_and_its_colour() {
    let text = || "text".to_owned();
    for outcome in [
        Outcome::Completed,
        Outcome::Late,
        Outcome::Failed(text()),
        Outcome::Panicked(text()),
        Outcome::TimedOut,
        Outcome::Stuck,
        Outcome::Skipped(text()),
        Outcome::NotStarted,
        Outcome::Unregistered,
    ] {
        let report = changed(&report(1), |json| {
            json["hooks"][0]["outcome"] = outcome_json(&outcome);
            json["drain"]["timed_out"] = false.into();
        });
        let class = outcome.word().replace(' ', "-");
        let chip = format!("<rect class=\"lc-{class}\"");
        let sign = format!(">{}</text>", outcome.sign());
        let sign = if outcome.sign() == ' ' { String::new() } else { sign };
        for picture in [report.to_svg(), report.to_html()] {
            // In its row and in the legend; on the page in the graph and its legend as well.
            assert!(picture.matches(&chip).count() >= 2, "{outcome}: {picture}");
            assert!(picture.contains(&sign), "{outcome}");
            assert!(
                picture.matches(&format!(">{}</text>", outcome.word())).count() >= 2,
                "{outcome}"
            );
            assert!(picture.contains(&format!("{outcome}")), "{outcome} is not explained");
            assert!(picture.contains(&format!(".lc-{class}{{fill:#")), "{outcome} has no colour");
        }
    }
}

#[test]
fn a_bar_that_took_no_time_is_seen_and_one_that_runs_on_ends_with_the_picture() {
    let bar = |changes: &[(&str, f64)]| {
        let hook = |json: &mut Value| {
            changes.iter().for_each(|(name, value)| json["hooks"][0][*name] = (*value).into());
        };
        let svg = changed(&report(1), hook).to_svg();
        let bar =
            svg.split("<rect class=\"lc-bar lc-completed\"").nth(1).expect("a bar").to_owned();
        let number = |name: &str| -> f64 {
            bar.split(&format!(" {name}=\""))
                .nth(1)
                .unwrap()
                .split('"')
                .next()
                .unwrap()
                .parse()
                .unwrap()
        };
        (number("x"), number("width"))
    };
    let (_, none) = bar(&[("took_seconds", 0.0)]);
    assert!(none >= 2.0, "{none}");
    let (x, wide) = bar(&[("took_seconds", 90.0)]);
    assert!((807.9..808.1).contains(&(x + wide)), "{x} {wide}");
    let (x, wide) = bar(&[("started_seconds", 80.0), ("took_seconds", 1.0)]);
    assert!(x + wide < 808.1 && wide >= 2.0, "{x} {wide}");
}

#[test]
fn text_of_any_origin_is_text() {
    let bad = "</title><script>alert(\"&\")</script>\u{1b}[31m\u{0}\u{ffff}\u{202e}停止 'x'";
    let report = changed(&report(8), |json| {
        json["reason"] = json!({ "kind": "requested", "text": bad });
        json["shutdown_id"] = bad.into();
        json["problems"] = json!([bad]);
        let hooks = json["hooks"].as_array_mut().unwrap();
        let known: Vec<Value> = hooks.iter().map(|hook| hook["name"].clone()).collect();
        let renamed = |name: &Value| {
            let at = known.iter().position(|known| known == name);
            at.map_or(Value::Null, |at| format!("{bad}{at}").into())
        };
        for hook in hooks {
            hook["outcome"] = outcome_json(&Outcome::Failed(bad.to_owned()));
            hook["name"] = renamed(&hook["name"]);
            hook["released_by"] = renamed(&hook["released_by"]);
            for name in hook["waits_for"].as_array_mut().unwrap() {
                *name = renamed(name);
            }
        }
        for signal in json["signals"].as_array_mut().unwrap() {
            signal["did"] = bad.into();
        }
    });
    let specs = (0..8).map(|at| SampleHook { name: format!("{bad}{at}"), ..spec(at) });
    for picture in [report.to_svg(), report.to_html(), plan_of(specs).to_svg()] {
        assert!(!picture.contains("<script"), "{picture}");
        assert!(picture.contains("&lt;script&gt;alert(&quot;&amp;&quot;)"), "{picture}");
        let odd = |char: &char| {
            char.is_control() && *char != '\n' || ['\u{ffff}', '\u{202e}'].contains(char)
        };
        assert_eq!(picture.chars().find(odd), None);
    }
}

#[test]
fn who_points_at_it_is_told_all() {
    let svg = report(8).to_svg();
    for said in [
        "<title>orders::outbox::drain_outbox_2\nsrc/hooks.rs:3\ntimed out\norder 0\n",
        "\nwaited for orders::outbox::close_outbox_1\n",
        "took 750 ms\ntimeout 750ms, given 375 ms, slack 0 us</title>",
        "<title>SIGTERM at 1.81 s: changes nothing</title>",
        "<title>calls in flight while draining: 37 at most, 8 at the end</title>",
    ] {
        assert!(svg.contains(said), "{said:?} is not in {svg}");
    }
    let svg = plan(Shape::Chain, 3).to_svg();
    let said = "<title>orders::outbox::close_outbox_1\nsrc/hooks.rs:2\norder 0\ntimeout 2s\nwaits for orders::outbox::flush_outbox_0</title>";
    assert!(svg.contains(said), "{svg}");
    let reserve = plan_of(vec![spec(4)]).to_svg();
    assert!(reserve.contains("timeout 2s, and 2s for its second step"), "{reserve}");
}

#[test]
fn a_plan_that_contradicts_itself_says_so() {
    let mut specs: Vec<SampleHook> = (0..3).map(spec).collect();
    specs[0].after.push(spec(1).number);
    specs[1].after.push(spec(0).number);
    let svg = plan_of(specs).to_svg();
    assert!(svg.contains(">invalid: it contradicts itself"), "{svg}");
    assert!(!plan(Shape::Random, 8).to_svg().contains("invalid"));
}

#[test]
fn the_deadline_is_drawn_where_it_is_near_and_said_in_any_case() {
    let at = |seconds: Option<u64>| {
        let report = changed(&report(1), |json| {
            json["total_seconds"] = 3.6.into();
            json["deadline_seconds"] = seconds.into();
        });
        let svg = report.to_svg();
        (svg.contains(">deadline "), svg)
    };
    let ((near, svg), (far, far_svg), (none, none_svg)) = (at(Some(4)), at(Some(28)), at(None));
    assert_eq!([near, far, none], [true, false, false]);
    assert!(svg.contains("400 ms before its deadline at 4.00 s"), "{svg}");
    assert!(far_svg.contains("24.40 s before its deadline at 28.00 s"), "{far_svg}");
    assert!(none_svg.contains("no deadline"), "{none_svg}");
    assert!(at(Some(3)).1.contains("600 ms past its deadline at 3.00 s"));
}

#[test]
fn the_axis_comes_again_where_rows_are_many() {
    for (count, times) in [(8, 0), (40, 2), (200, 10)] {
        let svg = report(count).to_svg();
        assert_eq!(svg.matches(">10s</text>").count(), times, "{count}");
        assert_eq!(svg.matches(">0</text>").count(), 2, "{count}");
    }
}

/// Sixty signals in a row are said in a few labels, and each still has its mark.
#[test]
fn many_signals_share_labels() {
    let many = report(200);
    let none = changed(&many, |json| json["signals"] = json!([]));
    let height = |report: &Report| timeline(report).draw(true).height;
    assert!(height(&many) - height(&none) <= 4.0 * 18.0, "{} and {}", height(&many), height(&none));
    let marks: HashSet<u128> =
        many.signals().iter().map(|signal| signal.at().as_millis() / 50).collect();
    assert!(many.to_svg().matches("<path class=\"lc-signal\"").count() >= marks.len());
    let two = changed(&many, |json| json["signals"].as_array_mut().unwrap().truncate(2)).to_svg();
    assert!(two.contains(">SIGINT 0</text>") && two.contains(">SIGTERM 32 ms</text>"), "{two}");
}

#[test]
fn text_can_be_read_in_light_and_in_dark() {
    let grounds = [style::GROUND, style::BAND, style::BOX];
    for scheme in [0, 1] {
        for (text, ground) in
            [style::INK, style::FAINT].iter().flat_map(|text| grounds.map(|on| (text, on)))
        {
            let contrast = contrast(text[scheme], ground[scheme]);
            assert!(contrast >= 4.5, "{} on {}: {contrast}", text[scheme], ground[scheme]);
        }
        for (name, colour) in style::COLOURS {
            let on = if name == "stuck" { style::GROUND[scheme] } else { style::ON_COLOUR };
            let contrast = contrast(on, colour[scheme]);
            assert!(contrast >= 4.5, "the sign on {name}: {contrast}");
        }
    }
}

/// As WCAG 2 defines it.
fn contrast(a: &str, b: &str) -> f64 {
    let light = |colour: &str| {
        let part = |at: usize| {
            let value = f64::from(u8::from_str_radix(&colour[at..at + 2], 16).unwrap()) / 255.0;
            if value <= 0.04045 { value / 12.92 } else { ((value + 0.055) / 1.055).powf(2.4) }
        };
        0.2126 * part(1) + 0.7152 * part(3) + 0.0722 * part(5)
    };
    let (a, b) = (light(a), light(b));
    (a.max(b) + 0.05) / (a.min(b) + 0.05)
}

/// The drawings of small ones, as they were looked at. `LIFECYCLE_GOLDEN=write` accepts what is there.
#[test]
fn small_ones_are_as_they_were_looked_at() {
    let small =
        plan_of((0..3).map(|at| SampleHook { order: Some(i32::from(at == 2)), ..spec(at) }));
    golden("plan.svg", &small.to_svg());
    golden("report.svg", &report(3).to_svg());
    golden("empty.svg", &plan_of([]).to_svg());
}

fn golden(name: &str, drawn: &str) {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("src/tests/golden").join(name);
    if std::env::var_os("LIFECYCLE_GOLDEN").is_some_and(|value| value == "write") {
        fs::write(&path, drawn).unwrap();
    }
    let kept = fs::read_to_string(&path).unwrap_or_default();
    assert!(
        kept == drawn,
        "{}: look at it, and accept it with LIFECYCLE_GOLDEN=write",
        path.display()
    );
}
