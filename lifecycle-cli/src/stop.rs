//! A stop that is asked for, and followed to its end.

use std::time::{Duration, Instant};

use indicatif::{MultiProgress, ProgressBar, ProgressStyle};
use lifecycle_core::{
    Report,
    ext::text::{plain, short},
};
use serde_json::{Value, json};
use std::io::IsTerminal;

use crate::{
    Done, End, Trouble,
    args::StopArgs,
    client::{Client, Heard, member},
    live::{reason, seconds},
    print,
};

/// As the library's own, where it ends the process itself.
const FORCED: u8 = 124;
/// How often it is looked what is in flight, while bars show it.
const LOOK: Duration = Duration::from_millis(100);

pub(crate) fn stop(args: &StopArgs) -> Done {
    let mut client = Client::connect(&args.path)?;
    let mut request = json!({ "request": "shutdown", "failure": args.failure });
    if let Some(reason) = &args.reason {
        request["reason"] = reason.as_str().into();
    }
    let Some(wait) = args.wait else {
        let _ = client.ask(&request, "shutdown")?;
        print("the stop is under way")?;
        return Ok(End::Good);
    };
    let until = Instant::now() + wait;
    // First, so that nothing is missed.
    client.send(&json!({ "request": "events" }))?;
    client.send(&request)?;
    let mut progress = Progress::new();
    let (mut accepted, mut forced) = (false, false);
    let report = loop {
        let now = Instant::now();
        if now >= until {
            progress.end();
            print(format!("still stopping after {}", short(wait)))?;
            return Ok(End::Late);
        }
        let look = if progress.looks() { until.min(now + LOOK) } else { until };
        let line = match client.hear(look) {
            Ok(Heard::Line(line)) => line,
            Ok(Heard::Nothing) => {
                if progress.looks() {
                    client.send(&json!({ "request": "in_flight" }))?;
                }
                continue;
            }
            // A service that is gone is what was asked for.
            Ok(Heard::End) | Err(Trouble::Io(..)) if accepted => break None,
            Ok(Heard::End) => {
                return Err(Trouble::said("the connection ended before the request was taken"));
            }
            Err(trouble) => return Err(trouble),
        };
        // The last line of a process that was ended by force may be cut.
        let Ok(told) = serde_json::from_str::<Value>(&line) else { continue };
        if told["event"] == "report" {
            progress.end();
            break Some(member(&line, "report")?);
        }
        if told["shutdown"] == "accepted" {
            accepted = true;
        } else if let Some(error) = told["error"].as_str() {
            return Err(Trouble::said(error));
        }
        forced |= told["event"] == "forced_exit";
        progress.hear(&told)?;
    };
    progress.end();
    match report {
        Some(json) => {
            let report = Report::from_json(&json);
            let report = report.map_err(|error| Trouble::said(error.to_string()))?;
            print(report.to_string())?;
            Ok(End::Code(report.exit_code()))
        }
        None if forced => {
            print("the service was ended by force: its deadline passed, or signals asked for it")?;
            Ok(End::Code(FORCED))
        }
        None => {
            print("the service is gone; its report was not seen")?;
            Ok(End::Good)
        }
    }
}

/// Bars on a terminal, lines elsewhere.
struct Progress {
    bars: Option<Bars>,
    state: String,
    planned: u64,
    ended: u64,
    running: Vec<String>,
}

struct Bars {
    all: MultiProgress,
    drain: ProgressBar,
    hooks: ProgressBar,
    /// The most that was in flight.
    most: u64,
}

impl Progress {
    fn new() -> Self {
        let bars = std::io::stderr().is_terminal().then(Bars::new);
        Self { bars, state: String::new(), planned: 0, ended: 0, running: Vec::new() }
    }

    /// Whether it is to be asked for what is in flight.
    fn looks(&self) -> bool {
        self.bars.is_some() && matches!(&*self.state, "delaying" | "draining")
    }

    fn hear(&mut self, told: &Value) -> Result<(), Trouble> {
        let name = || plain(told["name"].as_str().unwrap_or("?"));
        if let Some(sites) = told["in_flight"].as_array() {
            let in_flight = sites.iter().filter_map(|site| site["in_flight"].as_u64()).sum();
            self.in_flight(in_flight);
        }
        match told["event"].as_str().unwrap_or_default() {
            "status" => {
                self.state = told["state"].as_str().unwrap_or_default().to_owned();
                self.planned = told["hooks"]["planned"].as_u64().unwrap_or_default();
                self.ended = told["hooks"]["ended"].as_u64().unwrap_or_default();
                self.in_flight(told["in_flight"].as_u64().unwrap_or_default());
            }
            "requested" => self.say(&format!("stopping: {}", reason(&told["reason"])))?,
            "state" => {
                self.state = told["state"].as_str().unwrap_or_default().to_owned();
                let left = seconds(&told["time_left_seconds"]);
                let left = left.map(|left| format!(", {} left", short(left)));
                self.say(&format!("{}{}", plain(&self.state), left.unwrap_or_default()))?;
                if self.state == "stopping" {
                    self.in_flight(0);
                }
            }
            "signal" => {
                let signal = plain(told["signal"].as_str().unwrap_or("?"));
                let did = plain(told["did"].as_str().unwrap_or("?"));
                self.say(&format!("{signal}: {did}"))?;
            }
            "drain" => {
                let in_flight = told["in_flight"].as_u64().unwrap_or_default();
                self.in_flight(in_flight);
                if self.bars.is_none() {
                    self.say(&format!("{in_flight} in flight"))?;
                }
            }
            "abandoned" => self.say("the drain's time was up: calls were abandoned")?,
            "hook_started" => {
                self.running.push(name());
                self.show();
                if self.bars.is_none() {
                    self.say(&format!("hook {} starts", name()))?;
                }
            }
            "hook_stuck" => {
                let why = plain(told["why"].as_str().unwrap_or_default());
                self.say(&format!("hook {} is stuck: {why}", name()))?;
            }
            "hook_ended" => {
                self.ended += 1;
                self.running.retain(|running| *running != name());
                self.show();
                let kind = told["outcome"]["kind"].as_str().unwrap_or("?").replace('_', " ");
                let text = told["outcome"]["text"].as_str();
                let text = text.map(|text| format!(": {}", plain(text))).unwrap_or_default();
                if self.bars.is_none() || told["clean"] == false {
                    let took = seconds(&told["took_seconds"]).unwrap_or_default();
                    let took = short(took);
                    self.say(&format!("hook {} {} after {took}{text}", name(), plain(&kind)))?;
                }
            }
            "notice" => self.say(&plain(told["text"].as_str().unwrap_or_default()))?,
            _ => {}
        }
        Ok(())
    }

    fn say(&self, line: &str) -> Result<(), Trouble> {
        match &self.bars {
            Some(bars) => bars.all.println(line).map_err(Trouble::of("standard error")),
            None => print(line),
        }
    }

    fn in_flight(&mut self, in_flight: u64) {
        if let Some(bars) = &mut self.bars {
            bars.most = bars.most.max(in_flight);
            bars.drain.set_length(bars.most.max(1));
            let done = if bars.most == 0 { 1 } else { bars.most - in_flight };
            bars.drain.set_position(done);
            bars.drain.set_message(format!("{in_flight} in flight"));
        }
    }

    fn show(&self) {
        if let Some(bars) = &self.bars {
            bars.hooks.set_length(self.planned.max(self.ended));
            bars.hooks.set_position(self.ended);
            bars.hooks.set_message(self.running.join(", "));
        }
    }

    fn end(&self) {
        if let Some(bars) = &self.bars {
            bars.drain.finish_and_clear();
            bars.hooks.finish_and_clear();
        }
    }
}

impl Bars {
    fn new() -> Self {
        let all = MultiProgress::new();
        let bar = |name: &'static str| {
            let bar = ProgressBar::new(1).with_prefix(name);
            let style = ProgressStyle::with_template("{prefix:5} [{bar:30}] {pos}/{len} {msg}");
            bar.set_style(style.unwrap_or_else(|_| ProgressStyle::default_bar()));
            bar
        };
        let drain = all.add(bar("drain"));
        let hooks = all.add(bar("hooks"));
        Self { all, drain, hooks, most: 0 }
    }
}
