#![deny(warnings, missing_docs, unreachable_pub, missing_debug_implementations, unused)]
#![forbid(unsafe_code, unused_imports, unreachable_code)]
//! No lint of the application sees the generated code.

use lifecycle::{Refused, tracked};

#[derive(Debug)]
#[allow(dead_code)]
struct Box;
#[allow(dead_code)]
struct Option;
#[allow(dead_code, non_upper_case_globals)]
const entered: u8 = 1;

/// Documented.
#[derive(Debug)]
pub struct Service(u8);

impl Service {
    /// Documented.
    #[tracked]
    pub async fn run(&mut self, _permit: u8, (a, _): (u8, u8)) -> Result<u8, Refused> {
        self.0 += a;
        Ok(self.0)
    }

    /// Documented.
    #[tracked(refused = |_| 0)]
    pub fn run_sync(self, _permit: u8, _: u8, mut n: u8) -> u8 {
        n += 1;
        self.0 + n
    }

    /// Documented.
    #[tracked(refused = 0)]
    pub fn later(self, _permit: u8) -> impl Future<Output = u8> {
        async move { self.0 }
    }

    /// Documented.
    #[tracked(admit = always)]
    #[must_use]
    pub async fn always(&self, _permit: u8) -> u8 {
        self.0
    }

    /// Documented.
    #[tracked(drain = cancel)]
    pub async fn cancelled(&self, _permit: u8) -> Result<(), Refused> {
        Ok(())
    }
}

macro_rules! tracked_fns {
    ($($name:ident $type:ty),*) => {
        $(#[tracked(refused = None)]
        fn $name(value: $type, other: &$type) -> std::option::Option<$type> {
            if &value == other { Some(value) } else { None }
        })*
    };
}
tracked_fns!(same_u8 u8, same_text String);

#[tracked(refused = ())]
async fn lints(#[allow(unused_variables)] unused: u8, #[cfg(any())] absent: Absent) {
    #![allow(unused_mut)]
    let mut n = 1;
    std::future::ready(n).await;
}

fn main() {
    let _ = (same_u8(1, &1), same_text(String::new(), &String::new()));
    let _ = lints(1);
    let _ = Service(1).run_sync(1, 2, 3);
    let _ = Service(1).later(1);
}
