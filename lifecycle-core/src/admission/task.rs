//! Which tokio task runs.

use std::{
    hash::{Hash, Hasher},
    num::NonZeroU64,
};

use tokio::task;

/// The number of the tokio task that runs here, or 0.
#[inline]
pub(super) fn task() -> u64 {
    let Some(id) = task::try_id() else { return 0 };
    // An id is a number that can only be printed, compared and hashed.
    let mut number = Number(0);
    id.hash(&mut number);
    number.0
}

/// The number that a frame, or this moment, has for a task.
pub(super) const fn known(task: u64) -> Option<NonZeroU64> {
    NonZeroU64::new(task)
}

struct Number(u64);

impl Hasher for Number {
    fn finish(&self) -> u64 {
        self.0
    }

    fn write(&mut self, bytes: &[u8]) {
        bytes.iter().for_each(|byte| self.write_u64(u64::from(*byte)));
    }

    #[inline]
    fn write_u64(&mut self, number: u64) {
        self.0 = self.0.wrapping_mul(257) ^ number;
    }
}

#[cfg(test)]
mod tests {
    use super::task;
    use tokio::task::id;

    #[tokio::test]
    async fn the_number_is_what_tokio_prints() {
        assert_eq!(task(), 0);
        let (number, id) = tokio::spawn(async { (task(), id()) }).await.unwrap();
        assert_eq!(number.to_string(), id.to_string());
    }
}
