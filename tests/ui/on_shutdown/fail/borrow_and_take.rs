use lifecycle::on_shutdown;

struct Pool;

#[on_shutdown]
async fn close(lent: &Pool, taken: Pool) {
    let _ = (lent, taken);
}

fn main() {}
