use lifecycle::tracked;

#[tracked]
struct Work;

fn main() {}
