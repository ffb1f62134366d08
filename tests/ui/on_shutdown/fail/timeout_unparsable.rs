use lifecycle::on_shutdown;

#[on_shutdown(timeout = "5 sec")]
async fn close() {}

fn main() {}
