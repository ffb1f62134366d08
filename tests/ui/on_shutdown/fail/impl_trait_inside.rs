use lifecycle::on_shutdown;

use std::sync::Arc;

#[on_shutdown]
async fn close(pool: &Arc<impl Clone + Send + Sync>) {
    let _ = pool;
}

fn main() {}
