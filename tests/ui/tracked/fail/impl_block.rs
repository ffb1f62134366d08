use lifecycle::tracked;

struct Work;

#[tracked]
impl Work {
    fn work(&self) {}
}

fn main() {}
