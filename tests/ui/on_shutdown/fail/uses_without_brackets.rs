use lifecycle::on_shutdown;

struct Pool;

#[on_shutdown(uses = Pool)]
async fn flush() {}

fn main() {}
