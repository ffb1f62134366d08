use lifecycle::tracked;

#[tracked(refused = 1 + 1)]
async fn work() -> &'static str {
    "done"
}

fn main() {}
