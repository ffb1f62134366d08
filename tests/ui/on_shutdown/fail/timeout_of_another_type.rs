use lifecycle::on_shutdown;

const TIMEOUT: u64 = 5;

#[on_shutdown(timeout = TIMEOUT)]
async fn close() {}

fn main() {}
