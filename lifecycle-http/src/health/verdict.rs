//! The answer to a probe: what was looked at, and how it is said.

use std::borrow::Cow;

use axum::{
    body::Body,
    extract::Request,
    response::{IntoResponse, Response},
};
use futures_util::future::join_all;
use http::{HeaderValue, StatusCode, header};
use lifecycle_core::{State, Status, ext::as_library};
use serde_json::json;

use super::{check, server::Details};

/// The library's own part of a probe.
const LIFECYCLE: &str = "lifecycle";

/// How a probe is asked.
#[derive(Debug, Default)]
pub(super) struct Asked {
    verbose: bool,
    exclude: Vec<String>,
    json: bool,
}

impl Asked {
    pub(super) fn of(request: &Request) -> Self {
        let mut asked = Self::default();
        for pair in request.uri().query().unwrap_or_default().split('&') {
            match pair.split_once('=') {
                Some(("exclude", name)) => asked.exclude.push(decoded(name).into_owned()),
                None if pair == "verbose" => asked.verbose = true,
                Some(("verbose", _)) => asked.verbose = true,
                _ => {}
            }
        }
        let accept = request.headers().get(header::ACCEPT).and_then(|accept| accept.to_str().ok());
        asked.json = accept.is_some_and(|accept| accept.contains("application/json"));
        asked
    }
}

/// Names of checks may have any character, and stand in addresses.
pub(super) fn decoded(text: &str) -> Cow<'_, str> {
    percent_encoding::percent_decode_str(text).decode_utf8_lossy()
}

pub(super) struct Verdict {
    probe: &'static str,
    status: Status,
    checks: Vec<(String, Result<(), String>)>,
}

impl Verdict {
    pub(super) fn live(details: Option<&Details>) -> Self {
        let status = status(details);
        let live = if status.is_live() { Ok(()) } else { Err("it has stopped".to_owned()) };
        let mut checks = vec![(LIFECYCLE.to_owned(), live)];
        checks.extend(details.map(|known| ("runtime".to_owned(), known.heartbeat.result())));
        Self { probe: "livez", status, checks }
    }

    pub(super) fn started(details: Option<&Details>) -> Self {
        let status = status(details);
        let state = status.state();
        let started = if state > State::Starting { Ok(()) } else { Err(format!("it is {state}")) };
        Self { probe: "startupz", status, checks: vec![(LIFECYCLE.to_owned(), started)] }
    }

    pub(super) async fn ready(asked: &Asked, details: Option<&Details>) -> Self {
        let asks = |name: &str| !asked.exclude.iter().any(|other| other == name);
        let all = check::all().into_iter().filter(|check| asks(check.name()));
        // Together, as a probe that waits for one after the other is given up.
        let mut checks = join_all(all.map(|check| async move {
            let result = check.result(details.map(|known| &known.runtime)).await;
            (check.name().to_owned(), result)
        }))
        .await;
        // Last, as it may change while a check is waited for.
        let status = status(details);
        if asks(LIFECYCLE) {
            checks.insert(0, (LIFECYCLE.to_owned(), readiness(&status)));
        }
        Self { probe: "readyz", status, checks }
    }

    /// One check alone; `None` where there is none of that name.
    pub(super) async fn of_check(name: &str, details: Option<&Details>) -> Option<Self> {
        let result = match check::all().iter().find(|check| check.name() == name) {
            Some(check) => check.result(details.map(|known| &known.runtime)).await,
            None if name == LIFECYCLE => readiness(&status(details)),
            None => return None,
        };
        Some(Self {
            probe: "readyz",
            status: status(details),
            checks: vec![(name.to_owned(), result)],
        })
    }

    fn is_well(&self) -> bool {
        self.checks.iter().all(|(_, result)| result.is_ok())
    }

    pub(super) fn into_response(self, asked: &Asked, details: bool) -> Response {
        let code = if self.is_well() { StatusCode::OK } else { StatusCode::SERVICE_UNAVAILABLE };
        let (kind, text) = if asked.json {
            ("application/json", self.json(details).to_string())
        } else {
            ("text/plain; charset=utf-8", self.text(asked.verbose, details))
        };
        let mut response = (code, Body::from(text)).into_response();
        let headers = response.headers_mut();
        headers.insert(header::CONTENT_TYPE, HeaderValue::from_static(kind));
        headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
        response
    }

    fn text(&self, verbose: bool, details: bool) -> String {
        let is_well = self.is_well();
        if is_well && !verbose {
            return "ok\n".to_owned();
        }
        let lines = self.checks.iter().map(|(name, result)| match result {
            Ok(()) => format!("[+]{name} ok\n"),
            Err(why) if details || name == LIFECYCLE => format!("[-]{name} failed: {why}\n"),
            Err(_) => format!("[-]{name} failed: reason withheld\n"),
        });
        let outcome = if is_well { "passed" } else { "failed" };
        let mut text: String = lines.collect();
        text.push_str(&format!("{} check {outcome}\n", self.probe));
        text
    }

    fn json(&self, details: bool) -> serde_json::Value {
        let up = |well: bool| if well { "UP" } else { "DOWN" };
        let checks = self.checks.iter().map(|(name, result)| {
            let mut check = json!({ "name": name, "status": up(result.is_ok()) });
            if let (true, Err(why)) = (details, result) {
                check["error"] = json!(why);
            }
            check
        });
        let state = self.status.state();
        let in_flight = self.status.in_flight();
        let mut json = json!({
            "status": up(self.is_well()),
            "state": state.to_string(),
            "ready": self.status.is_ready(),
            "in_flight": in_flight,
            "ready_for_termination": state >= State::Draining && in_flight == 0,
            "checks": checks.collect::<Vec<_>>(),
        });
        if details {
            let sites = self.status.sites().iter().map(|site| {
                json!({
                    "name": site.name(),
                    "location": site.location().to_string(),
                    "in_flight": site.in_flight(),
                    "oldest_seconds": site.oldest().as_secs_f64(),
                })
            });
            json["sites"] = sites.collect();
            json["holds"] = json!(self.status.holds());
            json["reason"] = json!(self.status.reason().map(ToString::to_string));
            json["time_left_seconds"] =
                json!(self.status.time_left().map(|left| left.as_secs_f64()));
            json["plan"] = lifecycle_core::Plan::declared()
                .to_json()
                .parse()
                .unwrap_or(serde_json::Value::Null);
        }
        json
    }
}

pub(super) fn no_such_check() -> Response {
    (StatusCode::NOT_FOUND, "no such check\n").into_response()
}

fn readiness(status: &Status) -> Result<(), String> {
    if status.is_ready() {
        return Ok(());
    }
    match status.holds() {
        [] => Err(format!("it is {}", status.state())),
        holds => Err(format!("it is {}, held by {}", status.state(), holds.join(", "))),
    }
}

fn status(details: Option<&Details>) -> Status {
    details.map_or_else(|| as_library(lifecycle_core::status), |known| known.lifecycle.status())
}
