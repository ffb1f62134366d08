//! Clients that place orders as fast as they are answered, and remember every answer.

use std::time::Duration;

use reqwest::{Client, Response, StatusCode, header};
use serde_json::{Value, json};
use tokio::{task::JoinSet, time};

use crate::service::PATIENCE;

/// So many that at least 50 are in flight at any moment, although some are between two orders.
pub(crate) const CLIENTS: usize = 100;

/// What became of one request.
#[derive(Debug)]
pub(crate) struct Answer {
    /// Different for each request, so that it can be found in the log and in the database.
    pub(crate) sku: String,
    pub(crate) outcome: Outcome,
}

#[derive(Debug)]
pub(crate) enum Outcome {
    /// 201: acknowledged under this id.
    Created(i64),
    /// 503 as it should be.
    Refused,
    /// Any other answer.
    Wrong(String),
    /// No answer came. Whether the request had been admitted, only the service's log can tell.
    Unknown,
}

/// Clients at work.
pub(crate) struct Load {
    clients: JoinSet<Vec<Answer>>,
}

impl Load {
    /// Lets clients loose on the service at `url`. Each goes on until its first answer that is
    /// no 201.
    pub(crate) fn start(url: &str) -> Self {
        let client = client();
        let mut clients = JoinSet::new();
        for number in 0..CLIENTS {
            let (client, url) = (client.clone(), format!("{url}/orders"));
            clients.spawn(async move {
                // Spread out, or they would all be between two orders at the same moment.
                time::sleep(Duration::from_millis(200) * u32::try_from(number).unwrap() / 100)
                    .await;
                work(&client, &url, number).await
            });
        }
        Self { clients }
    }

    /// Waits until every client has had an answer that is no 201.
    pub(crate) async fn end(self) -> Vec<Answer> {
        self.clients.join_all().await.into_iter().flatten().collect()
    }
}

/// A client that goes to no proxy and waits as long as a test does.
pub(crate) fn client() -> Client {
    Client::builder().no_proxy().timeout(PATIENCE).build().unwrap()
}

async fn work(client: &Client, url: &str, number: usize) -> Vec<Answer> {
    let mut answers = Vec::new();
    for count in 0.. {
        let sku = format!("sku-{number}-{count}");
        let response = client.post(url).json(&json!({ "sku": sku, "quantity": 3 })).send().await;
        let outcome = match response {
            Ok(response) => outcome(response).await,
            Err(_) => Outcome::Unknown,
        };
        let goes_on = matches!(outcome, Outcome::Created(_));
        answers.push(Answer { sku, outcome });
        if !goes_on {
            break;
        }
    }
    answers
}

async fn outcome(response: Response) -> Outcome {
    let (status, headers) = (response.status(), response.headers().clone());
    // The head of an answer without its body is no answer.
    let Ok(body) = response.json::<Value>().await else { return Outcome::Unknown };
    match (status, body["id"].as_i64()) {
        (StatusCode::CREATED, Some(id)) => Outcome::Created(id),
        (StatusCode::SERVICE_UNAVAILABLE, _)
            if headers.contains_key(header::RETRY_AFTER)
                && headers.get(header::CONNECTION).is_some_and(|value| value == "close") =>
        {
            Outcome::Refused
        }
        _ => Outcome::Wrong(format!("{status}: {body}")),
    }
}
