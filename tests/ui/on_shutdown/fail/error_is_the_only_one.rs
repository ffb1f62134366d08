use lifecycle::on_shutdown;

#[on_shutdown(order = 1, order = 2)]
async fn flush() {}

#[on_shutdown(after = [flush])]
async fn close() {}

fn main() {}
