use lifecycle::on_shutdown;

struct Pool;

#[on_shutdown]
async fn close(pool: &Option<Pool>) {
    let _ = pool;
}

fn main() {}
