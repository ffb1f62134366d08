use lifecycle::tracked;

#[tracked(name = "a", name = "b")]
async fn work() {}

fn main() {}
