use lifecycle::on_shutdown;

#[on_shutdown]
async fn flush() {}

#[on_shutdown(after = ["flush"])]
async fn close() {}

#[on_shutdown(uses = ["Pool"])]
async fn idle() {}

fn main() {}
