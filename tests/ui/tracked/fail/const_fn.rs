use lifecycle::tracked;

#[tracked(refused = 0)]
const fn work() -> u8 {
    1
}

fn main() {}
