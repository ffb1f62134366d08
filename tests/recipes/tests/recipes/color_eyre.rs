use lifecycle_process_tests::{Stream, service};

#[test]
fn the_report_of_main_is_printed_whole() {
    let ending = service!(bin "color-eyre").env("NO_COLOR", "1").run();
    ending.exits(1);
    println!("{ending}");
    let lines: Vec<_> = ending.lines(Stream::Stderr).collect();
    assert_eq!(lines, [""; 0]);
}
