//! The endpoints.

use axum::{
    Json, Router,
    extract::State,
    http::StatusCode,
    response::{IntoResponse, Response},
    routing::{get, post},
};
use lifecycle::http::{health, track};
use serde::Deserialize;
use serde_json::{Map, Value, json};
use sqlx::SqlitePool;

use crate::{
    BoxError, db,
    jobs::KINDS,
    queue::{Queue, Task},
};

/// What the handlers share.
#[derive(Clone, Debug)]
pub struct Service<Q> {
    /// Where what was done is counted.
    pub pool: SqlitePool,
    /// Where tasks go.
    pub queue: Q,
}

/// The whole of it as a router. Requests are finished, and refused with 503 once the service
/// drains.
pub fn app<Q: Queue>(service: Service<Q>) -> Router {
    let routes = Router::new()
        .route("/jobs", post(enqueue::<Q>))
        .route("/effects", get(effects::<Q>))
        .with_state(service);
    routes.layer(track()).merge(health())
}

#[derive(Deserialize)]
#[serde(untagged)]
enum Enqueued {
    One(Task),
    Many(Vec<Task>),
}

/// 202 with their keys, once they are stored.
async fn enqueue<Q: Queue>(
    State(service): State<Service<Q>>,
    Json(tasks): Json<Enqueued>,
) -> Result<Response, Failed> {
    let tasks = match tasks {
        Enqueued::One(task) => vec![task],
        Enqueued::Many(tasks) => tasks,
    };
    if let Some(task) = tasks.iter().find(|task| !KINDS.contains(&task.kind.as_str())) {
        let error = format!("`{}` is no kind of job: write one of {KINDS:?}", task.kind);
        return Ok(answer(StatusCode::UNPROCESSABLE_ENTITY, json!({ "error": error })));
    }
    service.queue.enqueue(&tasks).await?;
    let keys: Vec<_> = tasks.iter().map(|task| &task.key).collect();
    Ok(answer(StatusCode::ACCEPTED, json!({ "keys": keys })))
}

/// How often each kind has taken effect.
async fn effects<Q: Queue>(State(service): State<Service<Q>>) -> Result<Response, Failed> {
    let totals = db::totals(&service.pool).await?;
    let totals: Map<_, _> = totals.into_iter().map(|(kind, count)| (kind, count.into())).collect();
    Ok(answer(StatusCode::OK, totals.into()))
}

/// Not enqueued: whoever asked may ask again.
struct Failed(BoxError);

impl<E: Into<BoxError>> From<E> for Failed {
    fn from(error: E) -> Self {
        Self(error.into())
    }
}

impl IntoResponse for Failed {
    fn into_response(self) -> Response {
        tracing::error!("a request failed: {}", self.0);
        answer(StatusCode::SERVICE_UNAVAILABLE, json!({ "error": "not now: see the log" }))
    }
}

fn answer(status: StatusCode, body: Value) -> Response {
    (status, Json(body)).into_response()
}
