use lifecycle::tracked;

#[tracked]
async fn work() -> ! {
    std::future::pending().await
}

fn main() {}
