use lifecycle::on_shutdown;

#[on_shutdown]
async fn close<const N: usize>(value: [u8; N]) {
    let _ = value;
}

fn main() {}
