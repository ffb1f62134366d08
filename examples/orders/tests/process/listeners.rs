//! Whatever the shape in which a server is run, requests that are in progress are answered.

use std::time::Duration;

use reqwest::StatusCode;
use rustix::process::Signal;
use tokio::{process::Command, task::JoinSet, time};

use crate::{clients::client, service::Process};

const SHAPES: [&str; 4] = ["first of the set", "second of the set", "in main", "built before run"];

#[tokio::test]
async fn none_of_400_requests_in_progress_is_cut() {
    let mut command = Command::new(env!("CARGO_BIN_EXE_listeners"));
    command.env("LIFECYCLE_GRACE_PERIOD", "30s").env("LIFECYCLE_SHUTDOWN_DELAY", "0s");
    let mut server = Process::start(command);
    let client = client();
    let mut requests = JoinSet::new();
    let mut url = String::new();
    for shape in SHAPES {
        server.wait_for(&format!("{shape}: ")).await;
        url = format!("http://{}", server.line(shape).split(": ").nth(1).unwrap());
        for _ in 0..100 {
            let request = client.get(format!("{url}/slow"));
            requests.spawn(async move {
                let response =
                    request.send().await.map_err(|error| format!("{shape}: {error:?}"))?;
                assert_eq!(response.status(), StatusCode::OK, "{shape}");
                response.text().await.map_err(|error| format!("{shape}: {error:?}"))
            });
        }
    }
    loop {
        let count =
            client.get(format!("{url}/in-progress")).send().await.unwrap().text().await.unwrap();
        if count == "400" {
            break;
        }
        time::sleep(Duration::from_millis(20)).await;
    }
    server.signal(Signal::TERM);
    let ended = server.ended().await;
    let answers = requests.join_all().await;
    let cut: Vec<_> = answers.iter().filter(|answer| answer.as_deref() != Ok("whole")).collect();
    assert!(cut.is_empty(), "{} were cut: {cut:?}\n{}", cut.len(), ended.log.join("\n"));
    assert!(ended.status.success(), "{}", ended.log.join("\n"));
}
