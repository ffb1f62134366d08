use lifecycle::tracked;

#[tracked]
fn work(text: &str) -> Result<u8, std::num::ParseIntError> {
    text.parse()
}

fn main() {}
