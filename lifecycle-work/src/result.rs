//! What a handler may return.

use std::fmt::Display;

use lifecycle_core::ext::text;

/// What a handler may return: `()`, or a `Result` of it with an error that is `Display`.
#[diagnostic::on_unimplemented(
    message = "the handler of a job cannot return `{Self}`",
    label = "not a result of a job",
    note = "a handler returns `()`, or `Result<(), E>` where `E: Display`"
)]
pub trait JobResult: Send {
    #[doc(hidden)]
    fn into_result(self) -> Result<(), String>;
}

impl JobResult for () {
    fn into_result(self) -> Result<(), String> {
        Ok(())
    }
}

#[diagnostic::do_not_recommend]
impl<E: Display + Send> JobResult for Result<(), E> {
    fn into_result(self) -> Result<(), String> {
        self.map_err(text::error)
    }
}

#[cfg(test)]
mod tests {
    use super::JobResult;

    /// It goes into the log, and with some brokers into the queue.
    #[test]
    fn an_error_has_no_secret_where_it_enters() {
        let said = Err("no answer of amqp://app:hunter2@mq").into_result().unwrap_err();
        assert_eq!(said, "no answer of amqp://app:***@mq");
    }
}
