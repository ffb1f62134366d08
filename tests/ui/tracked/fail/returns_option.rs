use lifecycle::tracked;

#[tracked]
async fn work(n: u8) -> Option<u8> {
    n.checked_sub(1)
}

fn main() {}
