//! For handlers of axum: `Result<impl IntoResponse, Refused>`.

use axum_core::response::{IntoResponse, Response};

use super::{FromRefused, Refused};

impl IntoResponse for Refused {
    /// 503 with `Connection: close`, with `Retry-After` where nothing ran, and the refusal as text.
    fn into_response(self) -> Response {
        let text = self.to_string();
        let mut response = Response::from_refused(self);
        *response.body_mut() = text.into();
        response
    }
}
