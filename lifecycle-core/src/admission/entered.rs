use super::{
    call::Call,
    context::{self, Pushed},
};
use crate::{Refused, Site};

/// Lets a call of `site` in, or turns it away. What this thread runs while the guard lives is part
/// of the call. The first statement of a tracked `fn`.
///
/// # Errors
/// The call is fresh and the service is draining.
pub fn enter(site: &'static Site) -> Result<Entered, Refused> {
    let call = Call::admit(site)?;
    Ok(Entered { _frame: context::push(Some(call)) })
}

/// The guard of [`enter`]. Guards may be dropped in any order, but on their thread.
#[derive(Debug)]
#[must_use = "the call ends when the guard is dropped"]
pub struct Entered {
    _frame: Pushed,
}
