use lifecycle::tracked;

#[tracked(drain = cancel, admit = always)]
async fn work() {}

fn main() {}
