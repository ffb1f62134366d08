use lifecycle::tracked;

#[tracked]
async fn work() -> () {}

fn main() {}
