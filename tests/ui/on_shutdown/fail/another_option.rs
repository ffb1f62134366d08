use lifecycle::on_shutdown;

struct Option<T>(T);

#[on_shutdown]
async fn close(port: Option<u16>) {
    let _ = port.0;
}

fn main() {}
