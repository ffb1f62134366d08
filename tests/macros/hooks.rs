//! What `#[on_shutdown]` declares.

use std::{fmt, sync::Arc, time::Duration};

use lifecycle::{
    __private::{Access, HookDecl, HookEntry, inventory},
    ShutdownContext,
    hook::Hook,
    on_shutdown,
};

struct Pool;
struct Outbox;
struct Failed;

impl fmt::Display for Failed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("failed")
    }
}

const THREE: Duration = Duration::from_secs(3);

const FLUSH: u32 = line!() + 1;
#[on_shutdown(order = -5, timeout = "1m30s", before = [close_pool])]
async fn flush(outbox: &Outbox, _: Option<&Pool>) -> Result<(), Failed> {
    let _ = outbox;
    Ok(())
}

#[on_shutdown(timeout = THREE, after = [flush, inner::r#type])]
async fn close_pool(_pool: Pool, _cx: &ShutdownContext) {}

#[on_shutdown(name = "the last words", marker = LastWords)]
fn say(
    words: Option<String>,
    #[cfg(any())] _absent: &Absent,
    shared: &Arc<dyn Fn() + Send + Sync>,
) {
    drop(words);
    shared();
}

mod inner {
    #[lifecycle::on_shutdown]
    pub(super) fn r#type() {}
}

fn needs(declared: &HookDecl) -> String {
    format!("{:?}", declared.needs)
}

#[test]
fn the_declaration_says_what_was_written() {
    let declared = flush::declared();
    assert_eq!(declared.name, "macros::hooks::flush");
    assert!(!declared.name_written);
    assert_eq!(declared.location.file(), file!());
    assert_eq!(declared.location.line(), FLUSH);
    assert_eq!(declared.order, Some(-5));
    assert_eq!(declared.timeout, Some(Duration::from_secs(90)));
    assert!(!declared.blocking);
    assert_eq!(needs(declared), "[&macros::hooks::Outbox, Option<&macros::hooks::Pool>]");
    assert!(std::ptr::eq(declared.before[0](), close_pool::declared()));

    let declared = close_pool::declared();
    assert_eq!(declared.order, None);
    assert_eq!(declared.timeout, Some(THREE));
    assert_eq!(declared.needs[0].access, Access::Take);
    assert_eq!(declared.needs[1].access, Access::Borrow);
    let after: Vec<_> = declared.after.iter().map(|hook| hook().name).collect();
    assert_eq!(after, ["macros::hooks::flush", "macros::hooks::inner::type"]);
}

#[test]
fn a_written_name_and_marker_are_used() {
    let declared = LastWords::declared();
    assert_eq!(declared.name, "the last words");
    assert!(declared.name_written);
    assert!(declared.blocking);
    assert_eq!(declared.needs.len(), 2, "{}", needs(declared));
}

#[test]
fn every_hook_is_collected_once() {
    #[on_shutdown]
    async fn in_a_function() {}

    let count = |wanted: &'static HookDecl| {
        inventory::iter::<HookEntry>().filter(|entry| std::ptr::eq((entry.0)(), wanted)).count()
    };
    for wanted in [
        flush::declared(),
        close_pool::declared(),
        LastWords::declared(),
        in_a_function::declared(),
    ] {
        assert_eq!(count(wanted), 1, "{}", wanted.name);
    }
}

#[test]
fn hooks_stay_functions() {
    say(None, &(Arc::new(|| ()) as Arc<dyn Fn() + Send + Sync>));
    inner::r#type();
    drop(flush(&Outbox, None));
}
