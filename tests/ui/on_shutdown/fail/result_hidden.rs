use lifecycle::on_shutdown;

#[on_shutdown]
async fn close() -> impl Sized {}

fn main() {}
