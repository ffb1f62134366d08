//! No thread is left for whoever asks for one.

use lifecycle::on_shutdown;
use lifecycle_attack_tests::os;

use crate::{
    Attack,
    ends::Loud,
    kit::{note, obedient, serve},
};

pub(crate) const ATTACKS: &[Attack] = &[
    ("no-thread-for-a-sync-hook", |runtime| serve::<sync>(runtime, without_threads())),
    ("no-thread-for-a-resource", |runtime| {
        lifecycle::provide(Loud);
        serve::<note>(runtime, without_threads())
    }),
    ("no-thread-for-the-log", |runtime| serve::<note>(runtime, without_threads())),
];

#[on_shutdown(timeout = "500ms")]
fn sync() {
    os::say("hook: sync");
}

/// As root nobody is bound by this limit.
async fn without_threads() {
    os::limit("nproc", 0);
    let refused = std::thread::Builder::new().spawn(|| {}).is_err();
    assert!(refused, "the limit binds nobody");
    obedient().await;
}
