//! The forms in which people write a loop that ends when the service does.

use lifecycle::{State, draining, requested, state, until_draining};

use crate::rounds::{acknowledge, book, clean_up, next, process};

pub(crate) async fn until_draining_ends_it() {
    while let Some(job) = until_draining(next()).await {
        process(job).await;
    }
}

pub(crate) async fn select_ends_it() {
    loop {
        let job = tokio::select! {
            () = draining() => break,
            job = next() => job,
        };
        process(job).await;
    }
}

pub(crate) async fn in_a_task_that_main_awaits() {
    let worker = tokio::spawn(until_draining_ends_it());
    worker.await.unwrap_or_else(|error| panic!("the worker ended early: {error}"));
}

pub(crate) async fn acknowledged_after_a_tracked_call() {
    while let Some(job) = until_draining(next()).await {
        // The call is in flight for its part of the round; what follows it is not.
        match book(&job).await {
            Ok(booked) => acknowledge(booked).await,
            Err(_) => process(job).await,
        }
    }
}

pub(crate) async fn looks_at_the_state() {
    while state() < State::Draining {
        process(next().await).await;
    }
}

pub(crate) async fn cleans_up_when_requested() {
    requested().await;
    clean_up().await;
}
