pub(crate) mod apart;
mod clock;
mod event;
mod exit;
mod files;
pub(crate) mod fork;
pub(crate) mod guard;
mod heard;
mod inherited;
mod pending;
mod pid;
mod signals;
mod stderr;
#[cfg(test)]
mod tests;
mod thread_end;
mod threads;
mod waker;

pub use self::inherited::inherited;
pub(crate) use self::{
    clock::boot_time,
    exit::exit_now,
    files::{overwrite_file, replace_file},
    signals::{is_forked_child, listen, listening},
    stderr::write_stderr,
    thread_end::at_thread_end,
    threads::{run_as_application, run_as_usual, run_first, spawn, thread_names},
    waker::Waker,
};
