use lifecycle::tracked;

#[tracked(admit = always, refused = 0)]
async fn work() -> u8 {
    1
}

fn main() {}
