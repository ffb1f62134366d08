//! For gRPC.

use tonic::{Code, Status};

use super::Refused;

impl From<Refused> for Status {
    /// `UNAVAILABLE` where nothing ran, which clients may retry; else `ABORTED`.
    fn from(refused: Refused) -> Self {
        let code = if refused.ran() { Code::Aborted } else { Code::Unavailable };
        Self::new(code, refused.to_string())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    static SITE: crate::Site = crate::Site::new("site");

    #[test]
    fn only_a_call_that_did_not_run_is_unavailable() {
        assert_eq!(Status::from(Refused::new(&SITE, false)).code(), Code::Unavailable);
        assert_eq!(Status::from(Refused::new(&SITE, true)).code(), Code::Aborted);
    }
}
