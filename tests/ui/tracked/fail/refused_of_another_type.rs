use lifecycle::tracked;

#[tracked(refused = None)]
async fn work() -> u8 {
    1
}

fn main() {}
