use lifecycle::on_shutdown;

#[on_shutdown(timeout = "5s", order = 1, timeout = "6s")]
async fn close() {}

fn main() {}
