use lifecycle::on_shutdown;

#[on_shutdown]
async fn close(pool: impl Clone + Send) {
    let _ = pool;
}

fn main() {}
