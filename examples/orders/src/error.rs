//! Why an order was not placed or not found, and what a client is told.

use std::fmt::{self, Display};

use axum::{
    Json,
    extract::rejection::JsonRejection,
    http::{HeaderValue, StatusCode, header},
    response::{IntoResponse, Response},
};
use lifecycle::Refused;
use serde_json::json;
use tracing::error;

/// What is said to who is refused.
pub(crate) const STOPPING: &str = "the order service is stopping, try again";

/// What a handler answers when there is nothing better to say.
#[derive(Debug)]
pub enum AppError {
    /// The service is stopping; another replica takes the order.
    Refused(Refused),
    /// The request makes no sense.
    Invalid(String),
    /// There is no such order.
    NotFound(i64),
    /// The database failed.
    Database(sqlx::Error),
}

impl From<Refused> for AppError {
    fn from(refused: Refused) -> Self {
        Self::Refused(refused)
    }
}

impl From<JsonRejection> for AppError {
    fn from(rejection: JsonRejection) -> Self {
        Self::Invalid(rejection.body_text())
    }
}

impl From<sqlx::Error> for AppError {
    fn from(error: sqlx::Error) -> Self {
        Self::Database(error)
    }
}

/// What a client may know of it.
impl Display for AppError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Refused(_) => f.write_str(STOPPING),
            Self::Invalid(what) => f.write_str(what),
            Self::NotFound(id) => write!(f, "there is no order {id}"),
            Self::Database(error) => {
                error!("the database failed: {error}");
                f.write_str("the order service failed")
            }
        }
    }
}

impl IntoResponse for AppError {
    fn into_response(self) -> Response {
        let status = match &self {
            Self::Refused(refused) => return unavailable(refused),
            Self::Invalid(_) => StatusCode::UNPROCESSABLE_ENTITY,
            Self::NotFound(_) => StatusCode::NOT_FOUND,
            Self::Database(_) => StatusCode::INTERNAL_SERVER_ERROR,
        };
        answer(status, &self.to_string())
    }
}

/// A refused order was not touched, so the client may send it again, over a connection to somebody
/// else.
fn unavailable(refused: &Refused) -> Response {
    tracing::debug!("{refused}");
    let mut response = answer(StatusCode::SERVICE_UNAVAILABLE, STOPPING);
    let headers = response.headers_mut();
    headers.insert(header::RETRY_AFTER, HeaderValue::from_static("1"));
    headers.insert(header::CONNECTION, HeaderValue::from_static("close"));
    response
}

fn answer(status: StatusCode, said: &str) -> Response {
    (status, Json(json!({ "error": said }))).into_response()
}
