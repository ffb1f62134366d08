//! What a handler may return.

use std::fmt::Display;

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
    /// `anyhow` and its kin show the chain of causes in the alternate form; others show the same.
    fn into_result(self) -> Result<(), String> {
        self.map_err(|error| format!("{error:#}"))
    }
}
