//! Orders and their outbox. Each function is one transaction: it happens whole or not at all.

use serde::{Deserialize, Serialize};
use sqlx::{AnyPool, Error};

/// An order, before it has an id.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct NewOrder {
    /// What is ordered.
    pub sku: String,
    /// How many of it.
    pub quantity: i64,
}

/// An order as it is stored.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Order {
    /// Its id.
    pub id: i64,
    /// What is ordered.
    pub sku: String,
    /// How many of it.
    pub quantity: i64,
    /// Whether it was handed on.
    pub dispatched: bool,
}

/// Stores an order together with its outbox row; the order's id.
///
/// # Errors
///
/// When the database fails. Nothing was stored then, unless it failed while it answered the commit.
pub async fn insert(pool: &AnyPool, order: &NewOrder) -> Result<i64, Error> {
    let mut transaction = pool.begin().await?;
    let id = sqlx::query_scalar("INSERT INTO orders (sku, quantity) VALUES ($1, $2) RETURNING id")
        .bind(order.sku.as_str())
        .bind(order.quantity)
        .fetch_one(&mut *transaction)
        .await?;
    sqlx::query("INSERT INTO outbox (order_id) VALUES ($1)")
        .bind::<i64>(id)
        .execute(&mut *transaction)
        .await?;
    transaction.commit().await?;
    Ok(id)
}

/// The order of this id.
///
/// # Errors
///
/// When the database fails.
pub async fn find(pool: &AnyPool, id: i64) -> Result<Option<Order>, Error> {
    let row: Option<(String, i64, Option<i64>)> = sqlx::query_as(
        "SELECT sku, quantity, order_id FROM orders LEFT JOIN dispatches ON order_id = id WHERE id = $1",
    )
    .bind(id)
    .fetch_optional(pool)
    .await?;
    Ok(row.map(|(sku, quantity, dispatch)| Order {
        id,
        sku,
        quantity,
        dispatched: dispatch.is_some(),
    }))
}

/// The ids of the orders that are to be dispatched, oldest first, `limit` at most.
///
/// # Errors
///
/// When the database fails.
pub async fn waiting(pool: &AnyPool, limit: i64) -> Result<Vec<i64>, Error> {
    sqlx::query_scalar("SELECT order_id FROM outbox ORDER BY order_id LIMIT $1")
        .bind(limit)
        .fetch_all(pool)
        .await
}

/// Dispatches those of `orders` that nobody else has; how many that were.
///
/// # Errors
///
/// When the database fails.
pub async fn dispatch(pool: &AnyPool, orders: &[i64]) -> Result<usize, Error> {
    let mut transaction = pool.begin().await?;
    let mut mine = Vec::new();
    for &order in orders {
        // Whoever deletes the row dispatches: another replica waits for this transaction and finds
        // none.
        let claimed = sqlx::query("DELETE FROM outbox WHERE order_id = $1")
            .bind(order)
            .execute(&mut *transaction)
            .await?;
        if claimed.rows_affected() == 1 {
            sqlx::query("INSERT INTO dispatches (order_id) VALUES ($1)")
                .bind(order)
                .execute(&mut *transaction)
                .await?;
            mine.push(order);
        }
    }
    transaction.commit().await?;
    tracing::debug!(orders = ?mine, "dispatched");
    Ok(mine.len())
}
