//! Texts of the application may be of any size. They are cut where they enter.

use std::{
    error::Error,
    fmt::{self, Write},
    iter,
};

/// As much of a text is kept.
pub(crate) const MOST: usize = 64 * 1024;

/// What is said in place of the rest.
pub(super) const SAID: &str = "… (cut after 64 KiB)";

/// What is read beyond that, so that a secret is known that the cut would split.
const BEYOND: usize = 4 * 1024;

/// What `error` shows in its long form, of which little more is written than what is kept.
pub(crate) fn shown(error: &dyn fmt::Display) -> String {
    let mut kept = Kept { text: String::new() };
    // An error is its own way to end the writing: what it wrote stands.
    let _ = write!(kept, "{error:#}");
    kept.text
}

/// An error with its causes. Some are their own cause, so that there is no end to them.
pub(crate) fn with_causes(error: &(dyn Error + 'static)) -> String {
    const CAUSES: usize = 64;
    shown(&fmt::from_fn(|f| {
        let causes = iter::successors(Some(error), |&error| error.source()).take(CAUSES);
        let mut between = iter::once("").chain(iter::repeat(": ")).zip(causes);
        between.try_for_each(|(between, cause)| write!(f, "{between}{cause}"))
    }))
}

/// Room for a text that may be much longer: it ends the writing where nothing more is kept.
struct Kept {
    text: String,
}

impl Write for Kept {
    fn write_str(&mut self, piece: &str) -> fmt::Result {
        let room = (MOST + BEYOND + 1).saturating_sub(self.text.len());
        if piece.len() <= room {
            self.text.push_str(piece);
            return Ok(());
        }
        self.text.push_str(&piece[..piece.floor_char_boundary(room)]);
        Err(fmt::Error)
    }
}

/// As much of `text` as has to be looked at to know what is kept of it: where it is longer, it ends
/// between two words, so that the end is not the first half of a secret.
pub(super) fn looked_at(text: &str) -> &str {
    if text.len() <= MOST {
        return text;
    }
    let window = &text[..text.floor_char_boundary(MOST + BEYOND)];
    let from = window.floor_char_boundary(window.len().saturating_sub(BEYOND));
    let last_gap = window[from..].rfind(char::is_whitespace).map(|at| from + at);
    &window[..last_gap.unwrap_or(from)]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_more_is_written_than_is_kept() {
        struct Endless;
        impl fmt::Display for Endless {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                loop {
                    f.write_str("ö and on, ")?;
                }
            }
        }
        let text = shown(&Endless);
        assert!(text.len() > MOST && text.len() <= MOST + BEYOND + 1, "{}", text.len());
        assert_eq!(shown(&"short"), "short");
    }

    #[test]
    fn an_error_that_is_its_own_cause_has_an_end() {
        #[derive(Debug)]
        struct Round(&'static str);
        impl fmt::Display for Round {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(self.0)
            }
        }
        impl Error for Round {
            fn source(&self) -> Option<&(dyn Error + 'static)> {
                Some(if self.0.is_empty() { &Self("") } else { &Self("again") })
            }
        }
        assert_eq!(with_causes(&Round("")).len(), 2 * 63);
        assert!(with_causes(&Round("it failed")).starts_with("it failed: again: again"));
    }
}
