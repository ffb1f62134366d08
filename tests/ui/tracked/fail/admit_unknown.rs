use lifecycle::tracked;

#[tracked(admit = never)]
async fn work() {}

fn main() {}
