//! Panics of the application.

use std::{
    any::Any,
    mem,
    panic::{AssertUnwindSafe, catch_unwind},
};

use crate::text::{cut, redact::redact};

/// What `work` gives, or what its panic said. The payload of a panic may have a destructor that
/// panics as well: that is contained too.
pub(crate) fn contain<T>(work: impl FnOnce() -> T) -> Result<T, String> {
    catch_unwind(AssertUnwindSafe(work)).map_err(panicked)
}

/// What the panic of this payload said.
pub(crate) fn panicked(payload: Box<dyn Any + Send>) -> String {
    let text = payload.downcast_ref::<&str>().copied();
    let text = text.or_else(|| payload.downcast_ref::<String>().map(String::as_str));
    let text = redact(&cut::shown(&text.unwrap_or("(a value that is no text)")));
    if let Err(next) = catch_unwind(AssertUnwindSafe(|| drop(payload))) {
        // One that panics as often as it is dropped is never dropped.
        mem::forget(next);
    }
    text
}

#[cfg(test)]
mod tests {
    use super::contain;

    struct Again(u32);

    impl Drop for Again {
        fn drop(&mut self) {
            std::panic::panic_any(Self(self.0 + 1));
        }
    }

    #[test]
    fn a_panic_is_its_text_whatever_its_payload_is() {
        assert_eq!(contain(|| 7), Ok(7));
        assert_eq!(contain(|| -> u8 { panic!("with {}", "words") }), Err("with words".to_owned()));
        assert_eq!(contain(|| -> u8 { panic!("words") }), Err("words".to_owned()));
        let no_text = Err("(a value that is no text)".to_owned());
        assert_eq!(contain(|| -> u8 { std::panic::panic_any(Again(0)) }), no_text);
    }
}
