//! What is wrong after a stop: the answers that clients had, held against log, report and database.

use std::collections::{HashMap, HashSet};

use lifecycle::Report;
use orders::{db, store::Order};
use reqwest::StatusCode;
use rustix::process::Signal;
use sqlx::AnyPool;

use crate::{
    clients::{Answer, Outcome, client},
    load::Stopped,
    service::{Ended, Setup},
};

/// How much has to be in flight when the stop is asked for: 50 placements, and what the dispatcher
/// may have.
pub(crate) const IN_FLIGHT: u64 = 51;

/// One thing that is wrong.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Finding {
    /// The process did not end with 0.
    Exit(String),
    /// The service had admitted it, and the client was not told that it is placed.
    Cut(String),
    /// An answer that no client should get.
    Wrong(String),
    /// Acknowledged, or admitted, and not stored.
    Lost(String),
    /// Stored under one SKU, more often than it was ordered.
    Doubled(String),
    /// Not dispatched when the process had ended.
    NotDispatched(i64),
    /// Dispatched more than once.
    DispatchedTwice(i64),
    /// So many rows were left in the outbox.
    OutboxLeft(usize),
    /// The service knew of too few placements in flight when the stop was asked for.
    FewInFlight(u64),
    /// The report does not show the hooks completed and in order.
    Hooks(String),
    /// The service logged an error.
    Error(String),
}

/// What a stop that loses nothing has to show. Restarts the service to see what it still knows.
pub(crate) async fn graceful(setup: &Setup, stopped: &Stopped) -> Vec<Finding> {
    let Stopped { in_flight, ended, answers } = stopped;
    let mut findings = Vec::new();
    if *in_flight < IN_FLIGHT {
        findings.push(Finding::FewInFlight(*in_flight));
    }
    if !ended.status.success() {
        findings.push(Finding::Exit(ended.status.to_string()));
    }
    findings.extend(answered(ended, answers));
    findings.extend(reported(setup.report().as_ref()));
    findings.extend(
        ended.log.iter().filter(|line| line.contains("ERROR")).cloned().map(Finding::Error),
    );
    findings.extend(dispatched_twice(&ended.log));

    let pool = db::connect(&setup.database).await.unwrap();
    findings.extend(stored(&pool, admitted(&ended.log)).await);
    let left = orders::store::waiting(&pool, i64::MAX).await.unwrap().len();
    if left > 0 {
        findings.push(Finding::OutboxLeft(left));
    }
    pool.close().await;
    findings.extend(known_after_restart(setup, answers).await);
    findings
}

/// The orders that were acknowledged.
pub(crate) fn acked(answers: &[Answer]) -> impl Iterator<Item = (i64, &str)> {
    answers.iter().filter_map(|answer| match answer.outcome {
        Outcome::Created(id) => Some((id, answer.sku.as_str())),
        _ => None,
    })
}

/// Orders that the logs of the service say were dispatched more than once.
pub(crate) fn dispatched_twice<'a>(log: impl IntoIterator<Item = &'a String>) -> Vec<Finding> {
    let mut seen = HashSet::new();
    log.into_iter()
        .filter_map(|line| line.split_once("dispatched orders=[")?.1.strip_suffix(']'))
        .flat_map(|orders| orders.split(", "))
        .filter(|order| !order.is_empty())
        .map(|order| order.parse().unwrap())
        .filter(|order| !seen.insert(*order))
        .map(Finding::DispatchedTwice)
        .collect()
}

/// Whether each of these SKUs is stored once.
pub(crate) async fn stored(pool: &AnyPool, skus: impl IntoIterator<Item = &str>) -> Vec<Finding> {
    let rows: Vec<String> =
        sqlx::query_scalar("SELECT sku FROM orders").fetch_all(pool).await.unwrap();
    let mut counts: HashMap<String, usize> = HashMap::new();
    for sku in rows {
        *counts.entry(sku).or_default() += 1;
    }
    let lost = skus.into_iter().filter(|sku| !counts.contains_key(*sku)).map(ToOwned::to_owned);
    let doubled = counts.iter().filter(|(_, count)| **count > 1).map(|(sku, _)| sku.clone());
    lost.map(Finding::Lost).chain(doubled.map(Finding::Doubled)).collect()
}

/// The SKUs that the service says it admitted.
pub(crate) fn admitted(log: &[String]) -> HashSet<&str> {
    log.iter().filter_map(|line| line.split_once("admitted sku=\"")?.1.strip_suffix('"')).collect()
}

/// Every order that was admitted has been acknowledged, and whatever else was said is a proper
/// refusal.
fn answered(ended: &Ended, answers: &[Answer]) -> Vec<Finding> {
    let admitted = admitted(&ended.log);
    let judge = |answer: &Answer| match (&answer.outcome, admitted.contains(answer.sku.as_str())) {
        (Outcome::Created(_), true) | (Outcome::Refused | Outcome::Unknown, false) => None,
        (Outcome::Refused | Outcome::Unknown, true) => Some(Finding::Cut(answer.sku.clone())),
        (Outcome::Created(id), false) => {
            Some(Finding::Wrong(format!("{id} for {}, which was not admitted", answer.sku)))
        }
        (Outcome::Wrong(what), _) => Some(Finding::Wrong(what.clone())),
    };
    answers.iter().filter_map(judge).collect()
}

fn reported(report: Option<&Report>) -> Option<Finding> {
    let hooks = report.map(Report::hooks).unwrap_or_default();
    let completed = hooks.iter().filter(|hook| hook.outcome().is_completed());
    let names = completed.filter_map(|hook| hook.name().strip_prefix("orders::hooks::"));
    let in_order = names.eq(["flush_outbox", "close_pool", "flush_telemetry"]);
    (!in_order)
        .then(|| Finding::Hooks(report.map_or_else(|| "no report".to_owned(), ToString::to_string)))
}

/// Every acknowledged order is there under its id and was dispatched before the restart: the outbox
/// is empty, or the caller has found that it is not.
async fn known_after_restart(setup: &Setup, answers: &[Answer]) -> Vec<Finding> {
    let again = Setup { sabotage: "stalled", ..setup.clone() };
    let service = again.start().await;
    let client = client();
    let mut findings = Vec::new();
    for (id, sku) in acked(answers) {
        let response = client.get(format!("{}/orders/{id}", service.url)).send().await.unwrap();
        if response.status() != StatusCode::OK {
            findings.push(Finding::Lost(format!("{sku}: {}", response.status())));
            continue;
        }
        let order: Order = response.json().await.unwrap();
        if (order.id, order.sku.as_str(), order.quantity) != (id, sku, 3) {
            findings.push(Finding::Lost(format!("{sku}: there is {order:?}")));
        }
        if !order.dispatched {
            findings.push(Finding::NotDispatched(id));
        }
    }
    service.signal(Signal::TERM);
    let ended = service.ended().await;
    if !ended.status.success() {
        findings.push(Finding::Exit(format!("after the restart: {}", ended.status)));
    }
    findings
}
