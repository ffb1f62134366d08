#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| lifecycle_fuzz_tests::run("plan_diff", bytes));
