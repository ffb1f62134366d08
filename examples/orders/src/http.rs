//! The endpoints.

use std::{sync::Arc, time::Duration};

use axum::{
    Json, Router,
    extract::{Path, Request, State, rejection::JsonRejection},
    http::{HeaderValue, StatusCode, header},
    middleware::{self, Next},
    response::{IntoResponse, Response},
    routing::{get, post},
};
use lifecycle::tracked;
use serde_json::json;
use sqlx::AnyPool;
use tokio::{sync::Notify, time};
use tracing::debug;

pub use crate::error::AppError;
use crate::{
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
    /// What is counted.
    pub telemetry: Arc<Telemetry>,
    /// How long placing an order takes beside the database's time.
    pub work: Duration,
    /// Sabotage: orders are placed behind the library's back.
    pub untracked: bool,
}

/// The whole service as a router.
pub fn app(service: Service) -> Router {
    Router::new()
        .route("/orders", post(post_order))
        .route("/orders/{id}", get(get_order))
        .route("/livez", get(livez))
        .route("/readyz", get(readyz))
        .layer(middleware::from_fn(close_when_stopping))
        .with_state(service)
}

/// Finished or named as abandoned before any hook runs, and refused once the service drains.
#[tracked]
async fn place_order(service: &Service, order: NewOrder) -> Result<i64, AppError> {
    accept(service, order).await
}

async fn accept(service: &Service, order: NewOrder) -> Result<i64, AppError> {
    debug!(sku = order.sku, "admitted");
    time::sleep(service.work).await;
    let id = store::insert(&service.pool, &order).await?;
    service.telemetry.count_placed();
    service.placed.notify_one();
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

fn check(order: &NewOrder) -> Result<(), AppError> {
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

/// Whether the process works: restarting it would help nobody while it drains.
async fn livez() -> StatusCode {
    if lifecycle::status().is_live() { StatusCode::OK } else { StatusCode::SERVICE_UNAVAILABLE }
}

/// Whether traffic may come.
async fn readyz() -> impl IntoResponse {
    let status = lifecycle::status();
    let code = if status.is_ready() { StatusCode::OK } else { StatusCode::SERVICE_UNAVAILABLE };
    (code, Json(json!({ "state": status.state().to_string(), "in_flight": status.in_flight() })))
}

/// Once a stop was asked for, clients connect anew for their next request, and so to another
/// replica.
async fn close_when_stopping(request: Request, next: Next) -> Response {
    let mut response = next.run(request).await;
    if lifecycle::state() >= lifecycle::State::Delaying {
        response.headers_mut().insert(header::CONNECTION, HeaderValue::from_static("close"));
    }
    response
}
