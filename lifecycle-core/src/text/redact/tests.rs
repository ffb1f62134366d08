use super::{
    shapes::{KEPT, SECOND, SHAPES, shape, table},
    *,
};
use crate::text::cut;

#[test]
fn no_shape_with_any_character_leaks() {
    let count = table().count();
    assert!(count >= 400, "{count}");
    let leaks: Vec<_> = table()
        .map(|(text, _, char)| (redact(&text), text, char))
        .filter(|(redacted, ..)| redacted.contains(SECOND) || !redacted.contains(HIDDEN))
        .map(|(redacted, text, char)| format!("{char:?}  {text}  ->  {redacted}"))
        .collect();
    assert!(leaks.is_empty(), "{} of {count} leak:\n{}", leaks.len(), leaks.join("\n"));
}

#[test]
fn no_shape_leaks_inside_of_a_sentence_of_debug_output_or_of_several_lines() {
    let around: [fn(&str) -> String; 4] = [
        |text| format!("cannot connect ({text})"),
        |text| format!("first line\nsecond: {text}\nthird"),
        |text| format!("{:?}", format!("why: {text}")),
        |text| format!("ä{text}ß"),
    ];
    let leaks: Vec<_> = SHAPES
        .iter()
        .flat_map(|(template, _)| around.map(|around| around(&shape(template, SECOND))))
        .map(|text| (redact(&text), text))
        .filter(|(redacted, _)| redacted.contains(SECOND))
        .map(|(redacted, text)| format!("{text}  ->  {redacted}"))
        .collect();
    assert!(leaks.is_empty(), "{}", leaks.join("\n"));
}

#[test]
fn what_was_redacted_stays_as_it_is() {
    for (text, template, char) in table() {
        let once = redact(&text);
        assert_eq!(redact(&once), once, "{char:?} in {template}");
    }
}

#[test]
fn tokens_that_say_what_they_are_are_hidden_wherever_they_stand() {
    for token in [
        "AKIAIOSFODNN7EXAMPLE",
        "ghp_16C7e42F292c6912E7710c838347Ae178B4a",
        "github_pat_11ABCDEFG0abcdefghijkl",
        "glpat-abcdefghij0123456789",
        "xoxb-123456789012-abcdef",
        "sk_live_4eC39HqLyjWDarjtT1zdp7dc",
        "eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxIn0.dozjgNryP4J3jVmNHl0w5N",
        "hvs.CAESIJ1234567890",
    ] {
        assert_eq!(redact(&format!("got {token}, gave up")), "got ***, gave up");
        assert_eq!(redact(&format!("({token})")), "(***)");
    }
}

#[test]
fn passwords_go_and_the_rest_stays() {
    for (text, expected) in [
        (
            "cannot reach postgres://app:s3cr:et@db:5432/x?y, nor amqp://u:p@mq or http://host/a@b",
            "cannot reach postgres://app:***@db:5432/x?y, nor amqp://u:***@mq or http://host/a@b",
        ),
        ("host=db password=x port=1", "host=db password=*** port=1"),
        ("https://h/p?a=1&password=x&b=2", "https://h/p?a=1&password=***&b=2"),
        ("C { password: Some(\"x\"), port: 1 }", "C { password: Some(\"***\"), port: 1 }"),
        ("{\"password\":\"x\",\"user\":\"u\"}", "{\"password\":\"***\",\"user\":\"u\"}"),
        ("Pwd=x;Database=y", "Pwd=***;Database=y"),
        ("see <password>x</password>", "see <password>***</password>"),
        ("Authorization: Bearer x\nHost: h", "Authorization: ***\nHost: h"),
    ] {
        assert_eq!(redact(text), expected);
    }
}

#[test]
fn what_holds_no_secret_is_not_mangled() {
    for text in KEPT {
        assert_eq!(redact(text), *text);
    }
}

#[test]
#[cfg(target_os = "linux")]
fn time_grows_with_the_length_alone() {
    // Of the processor, which other processes may have meanwhile.
    fn on_processor() -> u64 {
        let stat = std::fs::read_to_string("/proc/thread-self/schedstat").expect("this thread's");
        stat.split(' ').next().and_then(|nanos| nanos.parse().ok()).expect("nanoseconds")
    }
    fn took(piece: &str, length: usize) -> u64 {
        let text = piece.repeat(length / piece.len());
        let run = || {
            let before = on_processor();
            redact(&text);
            on_processor() - before
        };
        (0..3).map(|_| run()).min().unwrap_or_default()
    }
    for piece in [
        "://",
        "a://",
        "://a:",
        "://@",
        "://a: ",
        ":",
        "=",
        "@tcp(",
        "ä",
        "\"",
        "\\\"",
        "%3A%2F%2F",
        "Bearer ",
        "eyJ.",
        "sk-",
        "-----BEGIN ",
        "--password ",
        "password=",
        "password: ",
        "password[",
        "password=\"",
        "password='\\",
        "password=\\\\",
        "password=Some(",
        "a=(",
    ] {
        // A quarter of the text takes a quarter of the time, not a sixteenth.
        let grows = || {
            let (short, long) = (took(piece, cut::MOST / 4), took(piece, cut::MOST));
            long > 20_000_000 && long > 9 * short
        };
        // More than once, as another process may have the processor.
        assert!(!(0..5).all(|_| grows()), "{piece:?}");
    }
}

#[test]
fn a_long_text_is_cut_and_the_cut_splits_no_secret() {
    for before in (cut::MOST - 40)..(cut::MOST + 40) {
        let text = format!("{} postgres://u:SECRET@h {}", "x".repeat(before), "y ".repeat(100_000));
        let redacted = redact(&text);
        assert!(!redacted.contains("SEC") && redacted.len() < cut::MOST + 100, "{before}");
        assert!(redacted.ends_with("… (cut after 64 KiB)"));
    }
    let no_gap = "postgres://u:SECRET".repeat(20_000);
    assert!(redact(&no_gap).len() < cut::MOST + 100);
}

proptest::proptest! {
    #![proptest_config(proptest::test_runner::Config::with_cases(64))]

    #[test]
    fn any_text_is_read_to_its_end(text in "\\PC*(://|=|:|password|%3A|\"|\\\\|@|ä| |\\[|\\(){0,40}\\PC*") {
        let once = redact(&text);
        proptest::prop_assert!(once.len() <= text.len() + 3 * text.len());
    }
}
