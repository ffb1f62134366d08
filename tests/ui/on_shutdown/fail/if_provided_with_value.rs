use lifecycle::on_shutdown;

struct Pool;

#[on_shutdown(if_provided = true)]
async fn close(_pool: Pool) {}

fn main() {}
