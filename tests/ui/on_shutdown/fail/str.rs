use lifecycle::on_shutdown;

#[on_shutdown]
async fn close(url: &str) {
    let _ = url;
}

fn main() {}
