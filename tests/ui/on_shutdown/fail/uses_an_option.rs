use lifecycle::on_shutdown;

struct Pool;

#[on_shutdown(uses = [Option<Pool>])]
async fn flush() {}

fn main() {}
