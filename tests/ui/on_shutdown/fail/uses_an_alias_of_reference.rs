use lifecycle::on_shutdown;

struct Pool;
type Lent = &'static Pool;

#[on_shutdown(uses = [Lent])]
async fn flush() {}

fn main() {}
