//! What the attributes say about mistakes: one file each, named by the mistake.
//!
//! The texts are those of the toolchain that `rust-version` names. After a change run
//! `TRYBUILD=overwrite cargo test -p lifecycle-ui-tests` and read the difference.

#[test]
fn on_shutdown() {
    refused("on_shutdown");
}

#[test]
fn tracked() {
    refused("tracked");
}

#[test]
fn main() {
    refused("main");
}

#[test]
fn expect_hooks() {
    refused("expect_hooks");
}

/// Apart from the others: of files that are all refused, cargo checks all at once.
#[test]
fn what_is_no_mistake() {
    trybuild::TestCases::new().pass("*/pass/*.rs");
}

fn refused(attribute: &str) {
    trybuild::TestCases::new().compile_fail(format!("{attribute}/fail/*.rs"));
}
