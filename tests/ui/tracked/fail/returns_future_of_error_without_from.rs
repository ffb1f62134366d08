use lifecycle::tracked;

struct AppError;

#[tracked]
fn work() -> impl Future<Output = Result<u8, AppError>> {
    async { Err(AppError) }
}

fn main() {}
