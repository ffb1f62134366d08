use lifecycle::tracked;

#[tracked(admits = always)]
async fn work() {}

fn main() {}
