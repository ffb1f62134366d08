use lifecycle::on_shutdown;

struct Flush;

#[on_shutdown(after = [Flush])]
async fn close() {}

fn main() {}
