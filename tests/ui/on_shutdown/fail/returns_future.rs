use lifecycle::on_shutdown;

#[on_shutdown]
fn close() -> impl Future<Output = ()> {
    async {}
}

fn main() {}
