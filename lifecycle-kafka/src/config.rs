//! What the configuration of a member has to say, so that no message is lost.

use std::time::Duration;

use lifecycle_work::QueueError;
use rdkafka::ClientConfig;

/// What is done is committed by the queue alone.
const BY_ITSELF: [&str; 2] = ["enable.auto.commit", "enable.auto.offset.store"];

const STRATEGY: &str = "partition.assignment.strategy";

/// Where nothing else is said.
const DEFAULTS: [(&str, &str); 2] =
    [("auto.offset.reset", "earliest"), (STRATEGY, "cooperative-sticky")];

/// The configuration with what it does not say, or what is wrong with it.
pub(crate) fn complete(config: &ClientConfig, queue: &str) -> Result<ClientConfig, QueueError> {
    let is_empty = |text: &str| text.split(',').any(str::is_empty);
    if is_empty(queue) {
        return Err(wrong(queue, "Name the topics of its jobs", "a topic has no name"));
    }
    if config.get("group.id").is_none_or(str::is_empty) {
        let advice = "Set `group.id`, which the workers of one queue share";
        return Err(wrong(queue, advice, "its configuration has no `group.id`"));
    }
    let mut config = config.clone();
    for name in BY_ITSELF {
        if config.get(name).is_some_and(|value| matches!(value, "true" | "t" | "1")) {
            let advice = "Jobs would be lost: leave it out, the queue commits what is done";
            return Err(wrong(queue, advice, &format!("its configuration has `{name}`")));
        }
        config.set(name, "false");
    }
    // With the protocol of Kafka 4 the broker assigns.
    let assigns = config.get("group.protocol") != Some("consumer");
    for (name, value) in DEFAULTS {
        if config.get(name).is_none() && (assigns || name != STRATEGY) {
            config.set(name, value);
        }
    }
    Ok(config)
}

/// How long a member may keep away from polling.
pub(crate) fn max_poll_interval(config: &ClientConfig) -> Duration {
    /// Of librdkafka.
    const DEFAULT: u64 = 300_000;
    let value = config.get("max.poll.interval.ms").and_then(|value| value.parse().ok());
    Duration::from_millis(value.unwrap_or(DEFAULT))
}

fn wrong(queue: &str, advice: &'static str, why: &str) -> QueueError {
    let (queue, verb) = (queue.to_owned(), "be a queue".to_owned());
    QueueError::Broker { queue, verb, advice, source: why.to_owned().into() }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_would_lose_jobs_is_refused_and_named() {
        let refused = |settings: &[(&str, &str)], topics, parts: &[&str]| {
            let mut config = ClientConfig::new();
            for (name, value) in settings {
                config.set(*name, *value);
            }
            let error = complete(&config, topics).unwrap_err().to_string();
            assert!(parts.iter().all(|part| error.contains(part)), "{error}");
        };
        refused(&[], "mails", &["`mails`", "no `group.id`", "Set `group.id`"]);
        refused(&[("group.id", "mailer")], "", &["no name"]);
        refused(&[("group.id", "mailer")], "mails,", &["no name"]);
        for name in BY_ITSELF {
            let settings = [("group.id", "mailer"), (name, "true")];
            refused(&settings, "mails", &["`mails`", name, "would be lost"]);
        }
    }

    #[test]
    fn what_is_not_said_loses_nothing_and_what_is_said_stays() {
        let mut config = ClientConfig::new();
        config.set("group.id", "mailer").set("auto.offset.reset", "latest");
        let complete = complete(&config, "mails").unwrap();
        let said = |name| complete.get(name).unwrap();
        assert_eq!(said("enable.auto.commit"), "false");
        assert_eq!(said(STRATEGY), "cooperative-sticky");
        assert_eq!(said("auto.offset.reset"), "latest");
        assert_eq!(max_poll_interval(&complete), Duration::from_secs(300));
        config.set("group.protocol", "consumer");
        assert_eq!(super::complete(&config, "mails").unwrap().get(STRATEGY), None);
        config.set("max.poll.interval.ms", "60000");
        assert_eq!(max_poll_interval(&config), Duration::from_secs(60));
    }
}
