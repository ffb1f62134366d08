#[lifecycle::main(job = true)]
async fn main() {}
