use lifecycle::on_shutdown;

#[on_shutdown]
async fn close() -> Result<u8, std::io::Error> {
    Ok(1)
}

fn main() {}
