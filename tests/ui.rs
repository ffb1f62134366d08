//! What the attributes say about mistakes: one file each, named by the mistake.
//!
//! The texts are those of the toolchain that `rust-version` names. After a change run
//! `TRYBUILD=overwrite cargo test --test ui` and read the difference.

#[test]
fn on_shutdown() {
    check("on_shutdown");
}

#[test]
fn tracked() {
    check("tracked");
}

#[test]
fn main() {
    check("main");
}

#[test]
fn expect_hooks() {
    check("expect_hooks");
}

fn check(attribute: &str) {
    let cases = trybuild::TestCases::new();
    cases.pass(format!("tests/ui/{attribute}/pass/*.rs"));
    cases.compile_fail(format!("tests/ui/{attribute}/fail/*.rs"));
}
