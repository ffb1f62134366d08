//! The endpoints.

use std::{convert::Infallible, sync::Arc, time::Duration};

use axum::{
    Json, Router,
    extract::{
        Path, State,
        rejection::JsonRejection,
        ws::{Message, WebSocketUpgrade},
    },
    http::{HeaderValue, Response as HttpResponse, StatusCode, header},
    response::{
        IntoResponse, Response, Sse,
        sse::{Event, KeepAlive},
    },
    routing::{get, post},
};
use futures_util::{Stream, stream};
use lifecycle::{
    http::{Socket, WebSocketExt, health, track},
    tracked,
};
use serde_json::json;
use sqlx::AnyPool;
use tokio::{
    sync::{
        Notify,
        broadcast::{self, error::RecvError},
    },
    time,
};
use tracing::debug;

pub use crate::error::AppError;
use crate::{
    error::STOPPING,
    store::{self, NewOrder, Order},
    telemetry::Telemetry,
};

/// What the handlers share.
#[derive(Clone, Debug)]
pub struct Service {
    /// Where orders are stored.
    pub pool: AnyPool,
    /// Wakes the dispatcher.
    pub placed: Arc<Notify>,
    /// The ids of what is placed, for whoever follows.
    pub feed: broadcast::Sender<i64>,
    /// What is counted.
    pub telemetry: Arc<Telemetry>,
    /// How long placing an order takes beside the database's time.
    pub work: Duration,
    /// Sabotage: orders are placed behind the library's back.
    pub untracked: bool,
}

/// The whole service as a router.
pub fn app(service: Service) -> Router {
    let untracked = service.untracked;
    let routes = Router::new()
        .route("/orders", post(post_order))
        .route("/orders/{id}", get(get_order))
        .route("/orders/feed", get(follow_orders))
        .route("/orders/socket", get(order_socket))
        .with_state(service);
    // Each request to its last byte; refused once the service drains.
    let layer = track().refused(|_| refusal());
    let routes = if untracked { routes } else { routes.layer(layer) };
    // After the layer: probes are neither counted nor refused.
    routes.merge(health())
}

/// Finished or named as abandoned before any hook runs, and refused once the service drains.
#[tracked]
pub(crate) async fn place_order(service: &Service, order: NewOrder) -> Result<i64, AppError> {
    accept(service, order).await
}

async fn accept(service: &Service, order: NewOrder) -> Result<i64, AppError> {
    debug!(sku = order.sku, "admitted");
    time::sleep(service.work).await;
    let id = store::insert(&service.pool, &order).await?;
    service.telemetry.count_placed();
    service.placed.notify_one();
    // Nobody may be following.
    let _ = service.feed.send(id);
    Ok(id)
}

async fn post_order(
    State(service): State<Service>,
    order: Result<Json<NewOrder>, JsonRejection>,
) -> Result<impl IntoResponse, AppError> {
    let Json(order) = order?;
    check(&order)?;
    let id = if service.untracked {
        accept(&service, order).await?
    } else {
        place_order(&service, order).await?
    };
    Ok((
        StatusCode::CREATED,
        [(header::LOCATION, format!("/orders/{id}"))],
        Json(json!({ "id": id })),
    ))
}

pub(crate) fn check(order: &NewOrder) -> Result<(), AppError> {
    if order.sku.trim().is_empty() {
        return Err(AppError::Invalid("`sku` is empty: write what is ordered".to_owned()));
    }
    if order.quantity < 1 {
        return Err(AppError::Invalid(format!(
            "`quantity` is {}: order at least 1",
            order.quantity
        )));
    }
    Ok(())
}

async fn get_order(
    State(service): State<Service>,
    Path(id): Path<i64>,
) -> Result<Json<Order>, AppError> {
    store::find(&service.pool, id).await?.map(Json).ok_or(AppError::NotFound(id))
}

/// The ids of orders as they are placed. It ends when draining begins, and its clients come back to
/// another replica.
async fn follow_orders(
    State(service): State<Service>,
) -> Sse<impl Stream<Item = Result<Event, Infallible>>> {
    let events = stream::unfold(service.feed.subscribe(), |mut feed| async move {
        loop {
            match feed.recv().await {
                Ok(id) => return Some((Ok(Event::default().data(id.to_string())), feed)),
                // A slow reader misses some.
                Err(RecvError::Lagged(_)) => {}
                Err(RecvError::Closed) => return None,
            }
        }
    });
    Sse::new(events).keep_alive(KeepAlive::default())
}

/// Orders one after the other on one connection. An order that was begun when draining begins is
/// placed and answered; then the client is told to go elsewhere.
async fn order_socket(State(service): State<Service>, upgrade: WebSocketUpgrade) -> Response {
    let upgrade = upgrade.tracked().spread(Duration::from_secs(1));
    upgrade.on_upgrade(|socket| take_orders(service, socket))
}

async fn take_orders(service: Service, mut socket: Socket) {
    while let Some(Ok(message)) = socket.recv().await {
        let Message::Text(text) = message else { continue };
        let placed = match serde_json::from_str(&text) {
            Ok(order) => match check(&order) {
                Ok(()) => place_order(&service, order).await,
                Err(invalid) => Err(invalid),
            },
            Err(error) => Err(AppError::Invalid(error.to_string())),
        };
        let answer = match placed {
            Ok(id) => json!({ "id": id }),
            Err(error) => json!({ "error": error.to_string() }),
        };
        if socket.send(Message::Text(answer.to_string().into())).await.is_err() {
            return;
        }
    }
}

/// What a request is told that comes once the service drains. `serve` closes its connection.
fn refusal() -> HttpResponse<String> {
    let mut response = HttpResponse::new(json!({ "error": STOPPING }).to_string());
    *response.status_mut() = StatusCode::SERVICE_UNAVAILABLE;
    let headers = response.headers_mut();
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("application/json"));
    headers.insert(header::RETRY_AFTER, HeaderValue::from_static("1"));
    response
}
