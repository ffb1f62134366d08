#[lifecycle::main(config = 5)]
async fn main() {}
