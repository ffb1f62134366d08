use lifecycle::on_shutdown;

struct Pool;

#[on_shutdown]
async fn close(one: Pool, two: Pool) {
    let _ = (one, two);
}

fn main() {}
