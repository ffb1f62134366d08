use lifecycle::on_shutdown;

#[on_shutdown]
async fn close() -> ! {
    std::future::pending().await
}

fn main() {}
