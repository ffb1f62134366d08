use lifecycle::tracked;

use lifecycle::Refused;

#[tracked]
async fn work() -> Result<u8, Refused> {
    Ok("text")
}

fn main() {}
