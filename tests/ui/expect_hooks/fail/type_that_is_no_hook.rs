struct Flush;

lifecycle::expect_hooks!(Flush);

fn main() {}
