//! Bytes as choices.

use std::time::Duration;

/// What the bytes choose; zeros where there are no more.
pub(crate) struct Choices<'b>(pub(crate) &'b [u8]);

/// What somebody may write, and nobody thinks of.
const TEXTS: [&str; 16] = [
    "",
    " ",
    "\n",
    "\u{1b}[2J\r\n\u{0}",
    "\u{202e}\u{2066}\u{feff}\u{e0041}",
    "lifecycle: forged",
    "::",
    "a::b::c::",
    "<script>&\"'</script>",
    "`}{|#;\\%%",
    "日本語のとても長い名前です::終わり",
    "e\u{301}\u{301}\u{301}👨‍👩‍👧",
    "@",
    "SIGTERM",
    "18446744073709551616",
    "postgres://u:p@h",
];

const DURATIONS: [Duration; 14] = [
    Duration::ZERO,
    Duration::from_nanos(1),
    Duration::from_nanos(999),
    Duration::from_micros(999_999),
    Duration::from_millis(499),
    Duration::from_secs(1),
    Duration::new(29, 999_999_999),
    Duration::from_secs(60),
    Duration::from_secs(999_999),
    Duration::from_secs(100 * 365 * 24 * 60 * 60),
    Duration::from_secs(u32::MAX as u64),
    Duration::from_secs(u64::MAX / 2),
    Duration::from_secs(u64::MAX),
    Duration::MAX,
];

impl Choices<'_> {
    pub(crate) const fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    pub(crate) fn byte(&mut self) -> u8 {
        let Some((first, rest)) = self.0.split_first() else { return 0 };
        self.0 = rest;
        *first
    }

    /// Less than `limit`, which is not zero.
    pub(crate) fn below(&mut self, limit: usize) -> usize {
        let high = if limit > 256 { usize::from(self.byte()) << 8 } else { 0 };
        (high | usize::from(self.byte())) % limit
    }

    pub(crate) fn one_of<'t, T>(&mut self, all: &'t [T]) -> &'t T {
        &all[self.below(all.len())]
    }

    pub(crate) fn text(&mut self) -> String {
        match self.byte() {
            byte @ 0..224 => TEXTS[usize::from(byte) % TEXTS.len()].to_owned(),
            224..240 => "x".repeat(self.below(10_000)),
            _ => {
                let length = self.below(24).min(self.0.len());
                let (text, rest) = self.0.split_at(length);
                self.0 = rest;
                String::from_utf8_lossy(text).into_owned()
            }
        }
    }

    pub(crate) fn duration(&mut self) -> Duration {
        match self.byte() {
            byte @ 0..192 => DURATIONS[usize::from(byte) % DURATIONS.len()],
            byte => Duration::from_millis(u64::from(byte - 192) << (self.byte() % 48)),
        }
    }
}
