use lifecycle::tracked;

#[tracked(drain = cancel_after, refused = ())]
async fn work() {}

fn main() {}
