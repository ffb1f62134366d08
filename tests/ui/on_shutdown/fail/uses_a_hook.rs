use lifecycle::on_shutdown;

#[on_shutdown]
async fn close() {}

#[on_shutdown(uses = [closed])]
async fn flush() {}

fn main() {}
