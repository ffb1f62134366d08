use lifecycle::tracked;

#[tracked]
fn work() {}

fn main() {}
