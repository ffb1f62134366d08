use lifecycle::tracked;

#[tracked]
async fn work<T: Default>() -> T {
    T::default()
}

fn main() {}
