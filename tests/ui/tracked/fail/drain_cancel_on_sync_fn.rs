use lifecycle::tracked;

#[tracked(drain = cancel, refused = ())]
fn work() {}

fn main() {}
