use lifecycle::on_shutdown;

#[on_shutdown(timeout = "10")]
async fn close() {}

fn main() {}
