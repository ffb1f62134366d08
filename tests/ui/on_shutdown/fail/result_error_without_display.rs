use lifecycle::on_shutdown;

struct Pool;

#[on_shutdown]
async fn close() -> Result<(), Pool> {
    Err(Pool)
}

fn main() {}
