//! How many instructions a tracked call costs, counted by callgrind: a number that no load on the
//! machine changes. Built with optimizations: `cargo test --release` in this folder.

use std::process::Command;

/// What a call may cost above one that is not tracked. A change that costs more is looked at.
const BOUNDS: [(&str, u64); 4] = [("sync", 66), ("nested", 256), ("async", 128), ("suspended", 530)];

#[test]
fn a_tracked_call_costs_few_instructions() {
    if cfg!(debug_assertions) {
        panic!("counts of a debug build say nothing: use --release");
    }
    let mut failed = Vec::new();
    for (kind, bound) in BOUNDS {
        let added = |how: &str| {
            let plain = instructions(&format!("{kind} nothing"));
            instructions(&format!("{kind} {how}")).saturating_sub(plain)
        };
        let by_lifecycle = added("lifecycle");
        println!("{kind}: {by_lifecycle} instructions a call, at most {bound}");
        if by_lifecycle > bound {
            failed.push(kind);
        }
    }
    assert!(failed.is_empty(), "{failed:?} cost more than their bounds");
}

/// Of one call: the difference of many and few, so that what comes before and after is none of it.
fn instructions(kind: &str) -> u64 {
    const FEW: u64 = 1_000;
    const MANY: u64 = 11_000;
    (run(kind, MANY) - run(kind, FEW)) / (MANY - FEW)
}

fn run(kind: &str, rounds: u64) -> u64 {
    let output = Command::new("valgrind")
        .args(["--tool=callgrind", "--callgrind-out-file=/dev/null"])
        .args([env!("CARGO_BIN_EXE_instructions"), kind, &rounds.to_string()])
        .output()
        .expect("valgrind is installed");
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{said}");
    let (_, number) = said.split_once("Collected : ").expect("callgrind counts");
    number.lines().next().unwrap().trim().parse().expect("a number")
}
