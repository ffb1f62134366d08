use std::{
    panic::{AssertUnwindSafe, catch_unwind},
    thread,
};

use lifecycle::Report;

use super::{BODIES, reports, run};

/// Bytes by chance, always the same.
fn bytes_of(mut seed: u64) -> Vec<u8> {
    let mut next = || {
        seed = seed.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (seed >> 56) as u8
    };
    let _ = [(); 4].map(|()| next());
    let length = 8 + usize::from(next());
    (0..length).map(|_| next()).collect()
}

/// The bytes that find a fault, where some of so many do: to be written down as a case.
fn faults(name: &str, count: u64) -> Vec<Vec<u8>> {
    let bytes = (0..count).map(bytes_of);
    let is_fault = |bytes: &Vec<u8>| catch_unwind(AssertUnwindSafe(|| run(name, bytes))).is_err();
    bytes.filter(is_fault).take(5).collect()
}

macro_rules! bounded {
    ($($test:ident: $name:literal, $count:literal;)*) => {$(
        #[test]
        fn $test() {
            let faults = faults($name, $count);
            assert!(faults.is_empty(), "{faults:?}");
        }
    )*};
}

bounded! {
    any_plan_is_written_and_measured: "plans", 400;
    any_plan_of_old_is_compared: "plan_diff", 5_000;
    any_manifest_is_read: "manifests", 2_000;
    any_duration_is_read_and_shown: "durations", 20_000;
    any_environment_is_read: "settings", 4_000;
}

#[test]
fn every_body_is_run_here() {
    assert_eq!(BODIES.len(), 6);
}

/// Of each some are written in every format.
#[test]
fn any_report_is_read_and_written() {
    let faults = faults("reports", 2_000);
    assert!(faults.is_empty(), "{faults:?}");
}

#[test]
fn forty_thousand_changed_reports_are_drawn_where_they_are_reports() {
    const COUNT: u64 = 40_000;
    const THREADS: u64 = 2;
    let draw = |first: u64| {
        let (mut drawn, mut wrong) = (0, Vec::new());
        for seed in (first..COUNT).step_by(THREADS as usize) {
            let text = reports::text(&bytes_of(seed));
            let Ok(report) = Report::from_json(&text) else { continue };
            drawn += 1;
            if catch_unwind(AssertUnwindSafe(|| report.to_svg())).is_err() {
                wrong.push(text);
            }
        }
        (drawn, wrong)
    };
    let (drawn, wrong): (Vec<_>, Vec<_>) = thread::scope(|scope| {
        let threads: Vec<_> = (0..THREADS).map(|first| scope.spawn(move || draw(first))).collect();
        threads.into_iter().map(|thread| thread.join().unwrap()).unzip()
    });
    let (drawn, wrong) = (drawn.iter().sum::<u64>(), wrong.concat());
    assert!(wrong.is_empty(), "{} of {drawn}, such as {}", wrong.len(), wrong[0]);
    assert!(drawn > COUNT / 4, "{drawn}");
}
