use lifecycle::on_shutdown;

#[on_shutdown]
async fn close<T: Send + Sync + 'static>(value: &T) {
    let _ = value;
}

fn main() {}
