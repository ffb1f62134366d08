//! Services that provide resources, and hooks that ask for them.

use std::{process::ExitCode, sync::Arc};

use lifecycle::{on_shutdown, provide, resource::try_provide};

use crate::{
    hooks::note,
    kit::{Dropped, block, flag, only, say, serve, sleep},
};

struct Counter(u32);

#[on_shutdown]
async fn shows(counter: &Counter) {
    say(format!("hook: counter {}", counter.0));
}

/// In a running lifecycle the second one is a mistake.
pub(crate) fn twice() -> ExitCode {
    serve(only::<shows>(), async {
        lifecycle::ready();
        say(format!("first at {}:{}", file!(), line!() + 1));
        provide(Counter(1));
        say(format!("second at {}:{}", file!(), line!() + 1));
        provide(Counter(2));
    })
}

/// Before it, the second one replaces; in it, `replace` does.
pub(crate) fn replaced() -> ExitCode {
    provide(Counter(1));
    provide(Counter(2));
    serve(only::<shows>(), async {
        lifecycle::ready();
        if flag("replace") {
            let old = lifecycle::resource::replace(Counter(3));
            say(format!("replaced {}", old.map_or(0, |old| old.0)));
        }
    })
}

#[on_shutdown]
async fn provides() {
    match try_provide(Counter(4)) {
        Ok(_) => say("accepted"),
        Err(error) => {
            say(format!("turned away: {error}"));
            say(format!("given back: {}", error.into_value().0));
        }
    }
}

pub(crate) fn too_late() -> ExitCode {
    serve(only::<provides>(), async { lifecycle::ready() })
}

pub(crate) struct Absent;
struct AbsentToo;

#[on_shutdown]
pub(crate) async fn lacks(_absent: &Absent) {
    say("hook: lacks nothing");
}

#[on_shutdown]
async fn asks(absent: Option<&Absent>, too: Option<AbsentToo>) {
    say(format!("hook: asks {} {}", absent.is_some(), too.is_some()));
}

/// Stops before or after it became ready.
pub(crate) fn missing() -> ExitCode {
    serve(only::<(lacks, note)>(), async {
        if flag("fails") {
            return Err("no database");
        }
        if flag("ready") {
            lifecycle::ready();
        }
        Ok(())
    })
}

pub(crate) fn optional() -> ExitCode {
    serve(only::<asks>(), async { lifecycle::ready() })
}

struct Ledger;

#[on_shutdown]
async fn closes_ledger(_ledger: Ledger) {
    say("hook: closes_ledger");
}

/// Provides nearly what the hook asks for.
pub(crate) fn near_miss() -> ExitCode {
    serve(only::<closes_ledger>(), async {
        say(format!("provided at {}:{}", file!(), line!() + 1));
        provide(Arc::new(Ledger));
        lifecycle::draining().await;
    })
}

struct One {
    _dropped: Dropped,
}
struct Two {
    _dropped: Dropped,
}
struct Three {
    _dropped: Dropped,
}

#[on_shutdown]
async fn takes_two(_two: Two) {
    say("hook: takes_two");
}

pub(crate) fn leftovers() -> ExitCode {
    serve(only::<takes_two>(), async {
        provide(One { _dropped: Dropped("one") });
        provide(Two { _dropped: Dropped("two") });
        provide(Three { _dropped: Dropped("three") });
        provide(Dropped("the last"));
        lifecycle::ready();
    })
}

struct Pool;
struct Outbox;

#[on_shutdown]
async fn flushes(_outbox: &Outbox) {
    sleep(50).await;
    say("hook: flushes ends");
}

#[on_shutdown]
async fn checks(_pool: &Pool) {
    sleep(50).await;
    say("hook: checks ends");
}

#[on_shutdown]
fn closes(_pool: Pool) {
    say("hook: closes starts");
}

/// The outbox uses the pool, so who takes the pool comes after who borrows the outbox.
pub(crate) fn uses() -> ExitCode {
    serve(only::<(flushes, closes)>(), async {
        provide(Pool);
        let outbox = provide(Outbox);
        if !flag("unsaid") {
            outbox.uses::<Pool>();
        }
        lifecycle::ready();
    })
}

pub(crate) fn owners() -> ExitCode {
    serve(only::<(checks, closes)>(), async {
        provide(Pool);
        lifecycle::ready();
    })
}

struct Plain;

#[derive(Clone)]
struct Shared(u32);

#[on_shutdown(timeout = "150ms")]
fn keeps(_plain: &Plain, _shared: &Shared) {
    block();
}

#[on_shutdown]
async fn takes_plain(_plain: Plain) {
    say("hook: takes_plain");
}

#[on_shutdown]
async fn takes_shared(shared: Shared) {
    say(format!("hook: takes_shared {}", shared.0));
}

#[on_shutdown(timeout = "150ms", uses = [Plain, Shared])]
fn reaches() {
    block();
}

/// A hook that is stuck keeps what it borrows, or counts as borrowing.
pub(crate) fn borrowed() -> ExitCode {
    let stuck = if flag("uses") {
        only::<(reaches, takes_plain, takes_shared)>()
    } else {
        only::<(keeps, takes_plain, takes_shared)>()
    };
    serve(stuck, async {
        provide(Plain);
        provide(Shared(5));
        lifecycle::ready();
    })
}
