use axum::response::IntoResponse;
use lifecycle::tracked;

#[tracked]
async fn work() -> impl IntoResponse {
    "done"
}

fn main() {}
