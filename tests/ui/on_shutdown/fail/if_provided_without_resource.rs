use lifecycle::{ShutdownContext, on_shutdown};

struct Pool;

#[on_shutdown(if_provided)]
async fn close(_pool: Option<Pool>, _cx: &ShutdownContext) {}

fn main() {}
