use lifecycle::on_shutdown;

#[on_shutdown(name = " ")]
async fn close() {}

fn main() {}
