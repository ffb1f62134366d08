use lifecycle::on_shutdown;

#[on_shutdown]
async fn close(error: &(dyn std::error::Error + Send + Sync)) {
    let _ = error;
}

fn main() {}
