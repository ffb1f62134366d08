//! Descriptors that are closed, taken by somebody else, or used up.

use std::{
    fs::File,
    io::{self, Read, Write},
    os::unix::net::UnixStream,
};

use lifecycle_attack_tests::os;

use crate::{
    Attack, Early,
    kit::{blocks, fails, note, obedient, runtime_of, serve},
};

pub(crate) const EARLY: &[Early] = &[
    ("closes-all-before-the-runtime", |kind| {
        lifecycle::install();
        os::close_from(3);
        serve::<note>(runtime_of(kind), obedient())
    }),
    ("closes-all-and-fails", |kind| {
        lifecycle::install();
        os::close_from(3);
        serve::<fails>(runtime_of(kind), obedient())
    }),
    ("closes-all-and-others-come", |kind| {
        lifecycle::install();
        os::close_from(3);
        let others = Others::make();
        let code = serve::<note>(runtime_of(kind), obedient());
        others.are_untouched();
        code
    }),
];

pub(crate) const ATTACKS: &[Attack] = &[
    // The runtime's are gone too: whatever becomes of it, the process goes.
    ("closes-all-in-main", |runtime| {
        serve::<note>(runtime, async {
            lifecycle::ready();
            os::close_from(3);
            obedient().await;
        })
    }),
    ("no-descriptor-left", |runtime| serve::<fails>(runtime, uses_up())),
    ("no-descriptor-left-and-held", |runtime| serve::<blocks>(runtime, uses_up())),
    ("limit-of-no-descriptors", |runtime| {
        serve::<fails>(runtime, async {
            os::limit("nofile", 0);
            obedient().await;
        })
    }),
    ("closes-stderr", |runtime| {
        serve::<fails>(runtime, async {
            os::close(2);
            obedient().await;
        })
    }),
];

/// Takes every descriptor that is left, once main is there.
async fn uses_up() {
    os::limit("nofile", 256);
    while let Ok(file) = File::open("/dev/null") {
        std::mem::forget(file);
    }
    obedient().await;
}

/// What an application opens where the library's own descriptors may have been.
struct Others {
    pipes: Vec<(io::PipeReader, io::PipeWriter)>,
    sockets: Vec<(UnixStream, UnixStream)>,
}

impl Others {
    fn make() -> Self {
        let pipe = |_| {
            let (reader, mut writer) = io::pipe()?;
            writer.write_all(b"data")?;
            Ok((reader, writer))
        };
        let socket = |_| {
            let (near, mut far) = UnixStream::pair()?;
            far.write_all(b"data")?;
            Ok((near, far))
        };
        let made: io::Result<_> = (0..8).map(pipe).collect::<io::Result<_>>().and_then(|pipes| {
            Ok(Self { pipes, sockets: (0..8).map(socket).collect::<io::Result<_>>()? })
        });
        made.unwrap_or_else(|error| panic!("no descriptors: {error}"))
    }

    /// All that was written there is there, and nothing else.
    fn are_untouched(self) {
        let mut said = String::new();
        for (mut reader, writer) in self.pipes {
            drop(writer);
            let _ = reader.read_to_string(&mut said);
        }
        for (mut near, far) in self.sockets {
            drop(far);
            let _ = near.read_to_string(&mut said);
        }
        os::say(if said == "data".repeat(16) { "untouched" } else { "touched" });
    }
}
