use lifecycle::tracked;

trait Work {
    #[tracked]
    fn work(&self);
}

fn main() {}
