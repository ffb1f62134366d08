//! The agent's endpoint: one request, one answer.

use std::time::Duration;

use bytes::Bytes;
use http_body_util::{BodyExt, Full, Limited};
use hyper::{Request, Uri, client::conn::http1, header};
use hyper_util::rt::TokioIo;
use serde_json::Value;
use tokio::{net::TcpStream, task::JoinSet, time::timeout};

const PATH: &str = "/task-protection/v1/state";
/// No answer is longer.
const MOST: usize = 64 * 1024;

pub(crate) struct Agent {
    host: String,
    address: String,
    path: String,
    timeout: Duration,
}

impl Agent {
    /// The error says what to write.
    pub(crate) fn new(uri: &str, timeout: Duration) -> Result<Self, String> {
        const WRITE: &str = "write an address, as http://169.254.170.2/api/0123";
        let uri: Uri = uri.parse().map_err(|error| format!("{error}; {WRITE}"))?;
        if uri.scheme_str() != Some("http") {
            return Err(WRITE.to_owned());
        }
        let authority = uri.authority().ok_or(WRITE)?;
        let port = authority.port_u16().unwrap_or(80);
        Ok(Self {
            host: authority.to_string(),
            address: format!("{}:{port}", authority.host()),
            path: uri.path().trim_end_matches('/').to_owned() + PATH,
            timeout,
        })
    }

    /// Asks for protection for so many minutes; `None` gives it back. The error says what the agent
    /// said.
    pub(crate) async fn put(&self, minutes: Option<u64>) -> Result<(), String> {
        match timeout(self.timeout, self.exchange(minutes)).await {
            Ok(answered) => answered,
            Err(_) => Err(format!("the agent has not answered within {:?}", self.timeout)),
        }
    }

    async fn exchange(&self, minutes: Option<u64>) -> Result<(), String> {
        let asked = match minutes {
            Some(minutes) => {
                serde_json::json!({ "ProtectionEnabled": true, "ExpiresInMinutes": minutes })
            }
            None => serde_json::json!({ "ProtectionEnabled": false }),
        };
        let request = Request::put(&self.path)
            .header(header::HOST, &self.host)
            .header(header::CONTENT_TYPE, "application/json")
            .body(Full::new(Bytes::from(asked.to_string())))
            .map_err(|error| error.to_string())?;
        let socket = TcpStream::connect(&self.address);
        let socket = socket.await.map_err(|error| format!("{}: {error}", self.address))?;
        let shaken = http1::handshake(TokioIo::new(socket)).await;
        let (mut client, connection) = shaken.map_err(|error| error.to_string())?;
        // It ends with this exchange, however that ends.
        let mut driven = JoinSet::new();
        driven.spawn(connection);
        let answer = client.send_request(request).await.map_err(|error| error.to_string())?;
        let (parts, body) = answer.into_parts();
        let body = Limited::new(body, MOST).collect().await;
        let body = body.map_err(|error| error.to_string())?.to_bytes();
        judge(parts.status.is_success(), parts.status.as_u16(), &body)
    }
}

/// A request may succeed and the protection fail: the body says so.
fn judge(success: bool, status: u16, body: &[u8]) -> Result<(), String> {
    let json: Value = serde_json::from_slice(body).unwrap_or_default();
    let said = |of: &str, fields: [&str; 2]| {
        let of = json.get(of).filter(|value| !value.is_null())?;
        let texts: Vec<_> = fields.iter().filter_map(|field| of.get(field)?.as_str()).collect();
        Some(if texts.is_empty() { of.to_string() } else { texts.join(": ") })
    };
    let why = said("failure", ["Reason", "Detail"]).or_else(|| said("error", ["Code", "Message"]));
    match why {
        Some(why) => Err(format!("the agent says {why}")),
        None if success => Ok(()),
        None => Err(format!("the agent answers with status {status}")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_is_read_as_the_agent_gives_it() {
        let agent = |uri| Agent::new(uri, Duration::ZERO);
        let read = agent("http://169.254.170.2/api/0123/").unwrap();
        assert_eq!(read.address, "169.254.170.2:80");
        assert_eq!(read.path, "/api/0123/task-protection/v1/state");
        for wrong in ["", "169.254.170.2", "https://169.254.170.2/api", "http://", "a b"] {
            let why = agent(wrong).err().unwrap_or_default();
            assert!(why.ends_with("write an address, as http://169.254.170.2/api/0123"), "{wrong}");
        }
    }

    #[test]
    fn an_answer_that_is_no_success_says_why() {
        let judged = |status: u16, body: &str| judge(status == 200, status, body.as_bytes());
        let kept = r#"{"protection":{"ProtectionEnabled":true,"TaskArn":"arn"},"failure":null}"#;
        assert_eq!(judged(200, kept), Ok(()));
        let failure = r#"{"failure":{"Arn":"arn","Detail":null,"Reason":"TASK_NOT_VALID"}}"#;
        assert_eq!(judged(200, failure), Err("the agent says TASK_NOT_VALID".to_owned()));
        let error = r#"{"error":{"Code":"AccessDeniedException","Message":"no permission"}}"#;
        assert_eq!(
            judged(400, error),
            Err("the agent says AccessDeniedException: no permission".to_owned())
        );
        assert_eq!(judged(502, "<html>"), Err("the agent answers with status 502".to_owned()));
    }
}
