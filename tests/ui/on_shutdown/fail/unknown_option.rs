use lifecycle::on_shutdown;

#[on_shutdown(timout = "5s")]
async fn close() {}

fn main() {}
