use lifecycle::on_shutdown;

mod close {}

#[on_shutdown]
async fn close() {}

fn main() {}
