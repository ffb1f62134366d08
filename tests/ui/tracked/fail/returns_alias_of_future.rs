use lifecycle::tracked;

use std::pin::Pin;

type Later<T> = Pin<Box<dyn Future<Output = T> + Send>>;

#[tracked(admit = always)]
fn work() -> Later<u8> {
    Box::pin(async { 1 })
}

fn main() {}
