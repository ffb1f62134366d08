//! How a running service is.

use std::{
    fmt::Write,
    io::{self, IsTerminal},
    thread,
    time::Duration,
};

use lifecycle_core::{
    Plan,
    ext::text::{plain, short},
};
use serde_json::{Value, json};

use crate::{
    Done, End, Trouble,
    args::{LiveArgs, TopArgs},
    client::Client,
    print,
};

/// Clears a terminal, and begins at its top.
const CLEAR: &str = "\u{1b}[H\u{1b}[2J";

pub(crate) fn status(args: &LiveArgs) -> Done {
    let mut client = Client::connect(&args.path)?;
    if args.json {
        print(client.ask(&json!({ "request": "status" }), "status")?)?;
    } else {
        print(shown(&mut client)?.trim_end())?;
    }
    Ok(End::Good)
}

pub(crate) fn plan(args: &LiveArgs) -> Done {
    let json = Client::connect(&args.path)?.ask(&json!({ "request": "plan" }), "plan")?;
    if args.json {
        print(json)?;
    } else {
        let plan = Plan::from_json(&json).map_err(|error| Trouble::said(error.to_string()))?;
        print(plan.to_string())?;
    }
    Ok(End::Good)
}

/// Until the service is gone.
pub(crate) fn top(args: &TopArgs) -> Done {
    let mut client = Client::connect(&args.path)?;
    let begin = if io::stdout().is_terminal() { CLEAR } else { "" };
    let mut text = shown(&mut client)?;
    loop {
        print(format!("{begin}{text}"))?;
        thread::sleep(args.interval);
        // A long interval is longer than a connection is kept.
        let again = shown(&mut client).or_else(|_| {
            client = Client::connect(&args.path)?;
            shown(&mut client)
        });
        text = match again {
            Ok(text) => text,
            Err(_) => {
                print("the service is gone")?;
                return Ok(End::Good);
            }
        };
    }
}

/// For people, with what is in flight.
fn shown(client: &mut Client) -> Result<String, Trouble> {
    let mut ask = |request: &str| {
        let answer = client.ask(&json!({ "request": request }), request)?;
        serde_json::from_str::<Value>(&answer).map_err(|error| Trouble::said(error.to_string()))
    };
    let (status, in_flight) = (ask("status")?, ask("in_flight")?);
    Ok(text(&status, &in_flight))
}

fn text(status: &Value, in_flight: &Value) -> String {
    let mut text = String::new();
    let word = |value: &Value| plain(value.as_str().unwrap_or("?"));
    let ready = if status["ready"] == true { "ready" } else { "not ready" };
    let _ = writeln!(text, "{} (pid {}), {ready}", word(&status["state"]), status["pid"]);
    for hold in status["holds"].as_array().into_iter().flatten() {
        let _ = writeln!(text, "  held by {}", word(hold));
    }
    if !status["reason"].is_null() {
        let _ = writeln!(text, "  stopping: {}", reason(&status["reason"]));
    }
    if let Some(left) = seconds(&status["time_left_seconds"]) {
        let _ = writeln!(text, "  {} left", short(left));
    }
    let hooks = &status["hooks"];
    let _ = write!(text, "hooks: {} of {} ended", hooks["ended"], hooks["planned"]);
    let running: Vec<_> = hooks["running"].as_array().into_iter().flatten().map(word).collect();
    if !running.is_empty() {
        let _ = write!(text, "; running: {}", running.join(", "));
    }
    let _ = writeln!(text, "\nin flight: {}", status["in_flight"]);
    for site in in_flight.as_array().into_iter().flatten() {
        let oldest = seconds(&site["oldest_seconds"]).unwrap_or_default();
        let _ = write!(
            text,
            "{:>7}  {} ({}:{}), the oldest for {}",
            site["in_flight"].to_string(),
            word(&site["name"]),
            word(&site["file"]),
            site["line"],
            short(oldest),
        );
        if !site["task"].is_null() {
            let _ = write!(text, " in task {}", site["task"]);
        }
        if !site["span"].is_null() {
            let _ = write!(text, ", span {}", word(&site["span"]));
        }
        text.push('\n');
    }
    for jobs in status["jobs"].as_array().into_iter().flatten() {
        let _ = write!(text, "jobs of {}", word(&jobs["consumer"]));
        if jobs["class"] != "" {
            let _ = write!(text, ", class {}", word(&jobs["class"]));
        }
        let _ = write!(text, ": {} received, {} in hand", jobs["received"], jobs["in_hand"]);
        for ended in ["done", "failed", "given_back", "abandoned", "untold"] {
            if jobs[ended] != 0 {
                let _ = write!(text, ", {} {}", jobs[ended], ended.replace('_', " "));
            }
        }
        text.push('\n');
    }
    text
}

/// Why it stops, in words.
pub(crate) fn reason(reason: &Value) -> String {
    let kind = reason["kind"].as_str().unwrap_or("?").replace('_', " ");
    let rest = [&reason["text"], &reason["signal"]].into_iter().find_map(Value::as_str);
    plain(&rest.map_or_else(|| kind.clone(), |rest| format!("{kind}: {rest}")))
}

pub(crate) fn seconds(value: &Value) -> Option<Duration> {
    value.as_f64().and_then(|seconds| Duration::try_from_secs_f64(seconds).ok())
}
