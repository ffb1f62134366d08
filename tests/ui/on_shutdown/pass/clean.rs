#![deny(warnings, missing_docs, unreachable_pub, missing_debug_implementations, unused)]
#![forbid(unsafe_code, unused_imports, unused_variables, unused_mut, unreachable_code)]
//! No lint of the application sees the generated code.

use std::{borrow::Cow, marker::PhantomData, sync::Arc};

use lifecycle::{ShutdownContext as Cx, on_shutdown};

struct Pool<T>(PhantomData<T>);
type Postgres = Pool<u8>;

// Items that bear the names of what generated code needs.
mod core {}
mod std_like {
    #[allow(dead_code)]
    struct Box;
    #[allow(dead_code)]
    struct Option;
    #[allow(dead_code, non_upper_case_globals)]
    const binder: u8 = 1;
    #[allow(dead_code, non_upper_case_globals)]
    const a0: u8 = 1;

    #[lifecycle::on_shutdown(timeout = "2s")]
    async fn close(_: super::Arc<super::Postgres>, _: &u8) {}
}

#[on_shutdown(timeout = "5s", after = [close_it, #[cfg(any())] absent])]
async fn flush(
    pool: &Postgres,
    shared: &Arc<dyn Fn() + Send + Sync>,
    boxed: Box<dyn FnOnce() + Send>,
    Pool(tag): Pool<i8>,
    (pair, mut counted): (u8, u16),
    text: Cow<'static, str>,
    cx: &Cx,
    #[cfg(any())] absent: Absent,
) -> Result<(), Box<dyn std::error::Error + Send + Sync>> {
    counted += u16::from(pair);
    let _ = (pool, tag, counted, text, cx);
    shared();
    boxed();
    Ok(())
}

#[on_shutdown]
fn close_it<'a>(one: &'a u32, _: Option<&'a u64>, _: Option<i64>, _: fn(&'a u8)) -> Result<(), Cow<'a, str>> {
    if *one > 1 { Err(Cow::Borrowed("more than one")) } else { Ok(()) }
}

macro_rules! hooks {
    ($($name:ident $pool:ty),*) => {
        $(#[on_shutdown(timeout = "1s", after = [flush])]
        async fn $name(pool: $pool) {
            drop(pool);
        })*
    };
}
hooks!(close_a Postgres, close_b Option<Pool<i8>>);

/// Public, with its marker.
pub mod public {
    /// Links to [`close`] are not ambiguous.
    #[lifecycle::on_shutdown(marker = Close)]
    pub fn close() {}
}
pub use public::{Close, close};

fn main() {
    #[on_shutdown(after = [Close])]
    fn inner() {}
}
