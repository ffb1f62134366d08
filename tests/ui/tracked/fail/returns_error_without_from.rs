use lifecycle::tracked;

struct AppError;

#[tracked]
async fn work() -> Result<u8, AppError> {
    Err(AppError)
}

fn main() {}
