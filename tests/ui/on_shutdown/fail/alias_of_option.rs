use lifecycle::on_shutdown;

struct Pool;

type Maybe<T> = Option<T>;

#[on_shutdown]
async fn close(pool: Maybe<Pool>) {
    let _ = pool;
}

fn main() {}
