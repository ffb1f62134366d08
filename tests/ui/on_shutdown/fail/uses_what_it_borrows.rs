use lifecycle::on_shutdown;

struct Pool;
type Same = Pool;

#[on_shutdown(uses = [Same])]
async fn flush(_pool: &Pool) {}

fn main() {}
