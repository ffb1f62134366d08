//! A last word before the process is ended.

use lifecycle::on_shutdown;
use lifecycle_attack_tests::os;

use crate::{
    Attack,
    kit::{blocks, note, obedient, pause, serve},
};

pub(crate) const ATTACKS: &[Attack] = &[
    ("forced-says", |runtime| {
        lifecycle::on_forced_exit(|| os::say("last word"));
        serve::<blocks>(runtime, obedient())
    }),
    ("forced-parks", |runtime| {
        lifecycle::on_forced_exit(|| {
            os::say("last word");
            os::block();
        });
        serve::<blocks>(runtime, obedient())
    }),
    ("forced-panics", |runtime| {
        lifecycle::on_forced_exit(|| {
            os::say("last word");
            panic!("no such luck");
        });
        serve::<blocks>(runtime, obedient())
    }),
    ("forced-spins", |runtime| {
        lifecycle::on_forced_exit(|| {
            os::say("last word");
            loop {
                std::hint::spin_loop();
            }
        });
        serve::<blocks>(runtime, obedient())
    }),
    ("forced-asks-back", |runtime| {
        lifecycle::on_forced_exit(|| {
            lifecycle::shutdown("again");
            let _ = (lifecycle::status(), lifecycle::state(), lifecycle::time_left());
            os::say("last word");
        });
        serve::<blocks>(runtime, obedient())
    }),
    ("forced-is-late", |runtime| {
        lifecycle::on_forced_exit(|| {
            pause(50);
            os::say("last word");
        });
        serve::<lasts>(runtime, obedient())
    }),
    ("forced-two", |runtime| {
        lifecycle::on_forced_exit(|| os::say("first"));
        lifecycle::on_forced_exit(|| os::say("second"));
        serve::<blocks>(runtime, obedient())
    }),
    ("not-forced", |runtime| {
        lifecycle::on_forced_exit(|| os::say("last word"));
        serve::<note>(runtime, obedient())
    }),
];

#[on_shutdown(timeout = "10s")]
async fn lasts() {
    os::say("hook: lasts");
    os::block();
}
