use lifecycle::on_shutdown;

#[on_shutdown]
async fn flush() {}

#[on_shutdown(after = [flsh])]
async fn close() {}

fn main() {}
