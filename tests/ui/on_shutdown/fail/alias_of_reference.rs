use lifecycle::on_shutdown;

struct Pool;

type PoolRef<'a> = &'a Pool;

#[on_shutdown]
async fn close(pool: PoolRef<'_>) {
    let _ = pool;
}

fn main() {}
