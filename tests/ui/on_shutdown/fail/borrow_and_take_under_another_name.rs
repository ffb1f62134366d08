use lifecycle::on_shutdown;

struct Pool;

type Database = Pool;

#[on_shutdown]
async fn close(lent: Option<&Pool>, taken: Database) {
    let _ = (lent, taken);
}

fn main() {}
