use lifecycle::on_shutdown;

#[on_shutdown(order = "first")]
async fn close() {}

fn main() {}
