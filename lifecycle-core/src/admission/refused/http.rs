//! For the types of the `http` crate.

use http::{HeaderValue, Response, StatusCode, header};

use super::{FromRefused, Refused};

impl From<Refused> for StatusCode {
    /// 503 Service Unavailable.
    fn from(_: Refused) -> Self {
        Self::SERVICE_UNAVAILABLE
    }
}

// The text that names the ways out is the same with every feature.
#[diagnostic::do_not_recommend]
impl FromRefused for StatusCode {
    fn from_refused(refused: Refused) -> Self {
        refused.into()
    }
}

#[diagnostic::do_not_recommend]
impl<B: Default> FromRefused for Response<B> {
    /// 503 with `Connection: close`, so that the client's next request goes elsewhere, and with
    /// `Retry-After` where nothing ran: only then is a retry safe.
    fn from_refused(refused: Refused) -> Self {
        let mut response = Self::new(B::default());
        *response.status_mut() = StatusCode::SERVICE_UNAVAILABLE;
        response.headers_mut().insert(header::CONNECTION, HeaderValue::from_static("close"));
        if !refused.ran() {
            response.headers_mut().insert(header::RETRY_AFTER, HeaderValue::from_static("1"));
        }
        response
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    static SITE: crate::Site = crate::Site::new("site");

    #[test]
    fn only_a_call_that_did_not_run_is_to_be_tried_again() {
        for ran in [false, true] {
            let response = Response::<String>::from_refused(Refused::new(&SITE, ran));
            assert_eq!(response.status(), StatusCode::SERVICE_UNAVAILABLE);
            assert_eq!(response.headers()[header::CONNECTION], "close");
            assert_eq!(response.headers().contains_key(header::RETRY_AFTER), !ran);
        }
    }
}
