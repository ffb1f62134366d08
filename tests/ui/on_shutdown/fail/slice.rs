use lifecycle::on_shutdown;

#[on_shutdown]
async fn close(pools: &[u8]) {
    let _ = pools;
}

fn main() {}
