use lifecycle::on_shutdown;

struct Pool;

impl Pool {
    #[on_shutdown]
    async fn close(&self) {}
}

fn main() {}
