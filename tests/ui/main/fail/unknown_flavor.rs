#[lifecycle::main(flavor = "threads")]
async fn main() {}
