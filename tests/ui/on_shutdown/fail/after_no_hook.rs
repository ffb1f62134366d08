use lifecycle::on_shutdown;

fn flush() {}

#[on_shutdown(after = [flush])]
async fn close() {}

fn main() {}
