use lifecycle::tracked;

#[tracked(drain = cancel_after("10"), refused = ())]
async fn work() {}

fn main() {}
