//! What extensions add to the report.

use std::sync::{Mutex, MutexGuard, PoisonError};

use crate::{report::Note, text};

/// More of them are counted and not kept, and longer ones are cut: a report is to be read.
const MOST: usize = 1000;
const LONGEST: usize = 2000;

#[derive(Default)]
pub(crate) struct Notes {
    kept: Mutex<(Vec<Note>, usize)>,
}

impl Notes {
    pub(crate) fn add(&self, about: &str, text: &str) {
        let line = |text: &str, most| text::name(text).chars().take(most).collect();
        let (kept, left_out) = &mut *self.lock();
        if kept.len() < MOST {
            kept.push(Note { about: line(about, LONGEST / 10), text: line(text, LONGEST) });
        } else {
            *left_out += 1;
        }
    }

    pub(super) fn all(&self) -> Vec<Note> {
        let (kept, left_out) = &*self.lock();
        let more = (*left_out > 0)
            .then(|| Note { about: "notes".to_owned(), text: format!("{left_out} more") });
        kept.iter().cloned().chain(more).collect()
    }

    fn lock(&self) -> MutexGuard<'_, (Vec<Note>, usize)> {
        self.kept.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn notes_keep_their_order_and_the_rest_is_counted() {
        let notes = Notes::default();
        for at in 0..MOST + 7 {
            notes.add("a child", &format!("number {at}"));
        }
        let all = notes.all();
        assert_eq!(all.len(), MOST + 1);
        assert_eq!(all[1].to_string(), "a child: number 1");
        assert_eq!(all[MOST].to_string(), "notes: 7 more");
    }

    #[test]
    fn a_note_is_one_line_of_bounded_length() {
        let notes = Notes::default();
        notes.add("a\nb", &format!("x\u{1b}[31m\n{}", "y".repeat(9000)));
        let text = notes.all()[0].to_string();
        assert_eq!(text.lines().count(), 1);
        assert!(text.chars().count() < 2300 && !text.contains('\u{1b}'), "{text}");
    }
}
