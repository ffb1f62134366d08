//! What extensions add to the report.

use std::sync::{Mutex, MutexGuard, PoisonError};

use crate::{report::Note, text};

/// More of them are counted and not kept, and longer ones are cut: a report is to be read.
const MOST: usize = 1000;
const LONGEST: usize = 2000;

#[derive(Default)]
pub(crate) struct Notes {
    kept: Mutex<Kept>,
}

#[derive(Default)]
struct Kept {
    notes: Vec<Note>,
    /// Where those are that were set.
    set: Vec<usize>,
    left_out: usize,
}

impl Notes {
    pub(crate) fn add(&self, about: &str, text: &str) {
        self.lock().add(Note::cut(about, text));
    }

    pub(crate) fn set(&self, about: &str, text: &str) {
        let note = Note::cut(about, text);
        let kept = &mut *self.lock();
        match kept.set.iter().find(|at| kept.notes[**at].about == note.about) {
            Some(at) => kept.notes[*at] = note,
            None => {
                let at = kept.notes.len();
                if kept.add(note) {
                    kept.set.push(at);
                }
            }
        }
    }

    pub(super) fn all(&self) -> Vec<Note> {
        let Kept { notes, left_out, .. } = &*self.lock();
        let more = (*left_out > 0)
            .then(|| Note { about: "notes".to_owned(), text: format!("{left_out} more") });
        notes.iter().cloned().chain(more).collect()
    }

    fn lock(&self) -> MutexGuard<'_, Kept> {
        self.kept.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Kept {
    /// Whether it is kept.
    fn add(&mut self, note: Note) -> bool {
        let has_room = self.notes.len() < MOST;
        if has_room {
            self.notes.push(note);
        } else {
            self.left_out += 1;
        }
        has_room
    }
}

impl Note {
    fn cut(about: &str, text: &str) -> Self {
        let line = |text: &str, most| text::name(text).chars().take(most).collect();
        Self { about: line(about, LONGEST / 10), text: line(text, LONGEST) }
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
    fn a_note_that_is_set_again_keeps_its_place() {
        let notes = Notes::default();
        notes.set("jobs", "one in hand");
        notes.add("jobs", "one was given back");
        notes.set("jobs", "none in hand");
        let all: Vec<_> = notes.all().iter().map(ToString::to_string).collect();
        assert_eq!(all, ["jobs: none in hand", "jobs: one was given back"]);
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
