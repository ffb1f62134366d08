use lifecycle::tracked;

#[tracked(drain = abort)]
async fn work() {}

fn main() {}
