//! How a call that is refused, or cancelled half-way, is answered.

#[cfg(feature = "axum")]
mod axum;
#[cfg(feature = "http")]
mod http;
#[cfg(feature = "tonic")]
mod tonic;

use std::error::Error;

use crate::SourceLocation;

/// A call was turned away, or cancelled half-way, because the service is stopping.
///
/// [`ran`](Self::ran) tells the two apart: only a call that did not run is safe to retry elsewhere.
/// It shows no place of the source, as it may be shown to a client: [`site`](Self::site) and
/// [`location`](Self::location) are for the log.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "{}: the service is shutting down",
    if *.ran { "cancelled half-way" } else { "refused" }
)]
pub struct Refused {
    site: &'static str,
    location: SourceLocation,
    ran: bool,
}

impl Refused {
    pub(crate) const fn new(site: &crate::Site, ran: bool) -> Self {
        Self { site: site.name(), location: site.location(), ran }
    }

    /// Whether any of the call's code ran: `false` when it was turned away (safe to retry
    /// elsewhere), `true` when `drain = cancel` dropped it half-way.
    #[must_use]
    pub const fn ran(&self) -> bool {
        self.ran
    }

    /// The name of the site that refused.
    #[must_use]
    pub const fn site(&self) -> &'static str {
        self.site
    }

    /// Where the site that refused is declared.
    #[must_use]
    pub const fn location(&self) -> SourceLocation {
        self.location
    }

    /// The refusal in `error` or in its chain of sources, if there is one: for applications whose
    /// error type is `anyhow::Error`, `Box<dyn Error>` and the like.
    #[must_use]
    pub fn find_in<'e>(error: &'e (dyn Error + 'static)) -> Option<&'e Self> {
        let mut next = Some(error);
        while let Some(error) = next {
            if let Some(refused) = error.downcast_ref() {
                return Some(refused);
            }
            next = error.source();
        }
        None
    }
}

impl From<Refused> for std::io::Error {
    fn from(refused: Refused) -> Self {
        Self::other(refused)
    }
}

/// A return type that can say "the service is stopping, your call was refused".
///
/// Implemented for `Result<T, E>` where `E: From<Refused>`.
#[diagnostic::on_unimplemented(
    message = "a refused call cannot be answered with `{Self}`",
    label = "cannot express that the call was refused",
    note = "for `Result<_, E>`: write `impl From<lifecycle::Refused> for E`",
    note = "or give the answer: `#[tracked(refused = expression)]`, for instance `refused = None`",
    note = "or count the calls and never refuse them: `#[tracked(admit = always)]`",
    note = "for an HTTP handler: return `Result<impl IntoResponse, lifecycle::Refused>`"
)]
pub trait FromRefused {
    /// The answer to a call that was refused.
    fn from_refused(refused: Refused) -> Self;
}

#[diagnostic::do_not_recommend]
impl<T, E: From<Refused>> FromRefused for Result<T, E> {
    fn from_refused(refused: Refused) -> Self {
        Err(E::from(refused))
    }
}

/// What `refused = path` names: a function of the refusal, or the answer itself.
#[derive(Debug)]
pub struct Answer<A>(pub A);

impl<A: FnOnce(Refused) -> R, R> Answer<A> {
    /// The answer to `refused`.
    pub fn give(self, refused: Refused) -> R {
        (self.0)(refused)
    }
}

/// The answers that are values.
pub trait PlainAnswer<A> {
    /// The answer, whatever was refused.
    fn give(self, refused: Refused) -> A;
}

impl<A> PlainAnswer<A> for Answer<A> {
    fn give(self, _: Refused) -> A {
        self.0
    }
}

/// Calls the closure of `refused = |refused| ..`, whose parameter gets its type from here.
pub fn answer_by<R>(answer: impl FnOnce(Refused) -> R, refused: Refused) -> R {
    answer(refused)
}

/// The answer of `admit = always` to a refusal that cannot come; it gives `return` its type.
pub fn never_refused<R>() -> R {
    unreachable!("a site with `admit = always` refused a call")
}
