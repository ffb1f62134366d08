//! The set-ups: what holds the process, and when it has to be gone all the same.

use std::{fmt, time::Duration};

use rustix::process::Signal;

use crate::{DEADLINE, flavour::Flavour};

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum SetUp {
    OneBlocks,
    OneBlocksThreeGood,
    AsManyAsWorkers,
    TwiceAsMany,
    NeverYields,
    BlockingPool,
    BlockInPlace,
    DropBlocks,
    Leftover,
    MainBlocks,
    ExitHangs,
    CtrlCWhileWaiting,
    CtrlCWhileBlocked,
}

/// What a hook does when its turn comes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Behaviour {
    /// Ends soon, and yields.
    Good,
    BlocksItsThread,
    NeverYields,
    /// Blocks where tokio's documentation sends what blocks: on the blocking pool, or in a sync
    /// hook.
    BlocksThePool,
    BlocksInPlace,
    /// Waits as it should, for ever; then its destructor blocks.
    BlocksInDrop,
    /// Waits as it should, for too long.
    Waits,
}

const CTRL_C_EVERY: Duration = Duration::from_millis(700);

impl SetUp {
    pub(crate) const ALL: [Self; 13] = [
        Self::OneBlocks,
        Self::OneBlocksThreeGood,
        Self::AsManyAsWorkers,
        Self::TwiceAsMany,
        Self::NeverYields,
        Self::BlockingPool,
        Self::BlockInPlace,
        Self::DropBlocks,
        Self::Leftover,
        Self::MainBlocks,
        Self::ExitHangs,
        Self::CtrlCWhileWaiting,
        Self::CtrlCWhileBlocked,
    ];

    pub(crate) fn find(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|set_up| set_up.to_string() == name)
    }

    /// Whether it means something on that runtime, and something else than another set-up.
    pub(crate) const fn is_for(self, flavour: Flavour) -> bool {
        match self {
            Self::AsManyAsWorkers => flavour.workers() > 1,
            // It panics there.
            Self::BlockInPlace => !matches!(flavour, Flavour::CurrentThread),
            _ => true,
        }
    }

    pub(crate) fn hooks(self, flavour: Flavour) -> Vec<Behaviour> {
        use Behaviour::{BlocksItsThread as Blocks, Good};
        match self {
            Self::OneBlocks | Self::CtrlCWhileBlocked => vec![Blocks],
            Self::OneBlocksThreeGood => vec![Blocks, Good, Good, Good],
            Self::AsManyAsWorkers => vec![Blocks; flavour.workers()],
            Self::TwiceAsMany => vec![Blocks; 2 * flavour.workers()],
            Self::NeverYields => vec![Behaviour::NeverYields],
            Self::BlockingPool => vec![Behaviour::BlocksThePool],
            Self::BlockInPlace => vec![Behaviour::BlocksInPlace],
            Self::DropBlocks => vec![Behaviour::BlocksInDrop],
            Self::Leftover | Self::MainBlocks | Self::ExitHangs => vec![Good],
            Self::CtrlCWhileWaiting => vec![Behaviour::Waits],
        }
    }

    /// What is sent, and when, from the first signal on.
    pub(crate) fn signals(self) -> Vec<(Duration, Signal)> {
        match self {
            Self::CtrlCWhileWaiting | Self::CtrlCWhileBlocked => {
                (0..3).map(|round| (round * CTRL_C_EVERY, Signal::INT)).collect()
            }
            _ => vec![(Duration::ZERO, Signal::TERM)],
        }
    }

    /// When the process has to be gone at the latest: at the deadline, or at the third Ctrl-C.
    pub(crate) fn due(self) -> Duration {
        match self {
            Self::CtrlCWhileWaiting | Self::CtrlCWhileBlocked => 2 * CTRL_C_EVERY,
            _ => DEADLINE,
        }
    }

    /// The names of what holds the process; none where it has no name.
    pub(crate) fn culprits(self, flavour: Flavour) -> Vec<String> {
        match self {
            Self::MainBlocks => vec!["main".to_owned()],
            _ => {
                let hooks = self.hooks(flavour).into_iter().enumerate();
                hooks.filter(|(_, does)| *does != Behaviour::Good).map(|(at, does)| does.name(at)).collect()
            }
        }
    }

    /// Whether it keeps a processor busy, so that nothing else is measured beside it.
    pub(crate) fn is_busy(self) -> bool {
        self == Self::NeverYields
    }
}

impl Behaviour {
    /// The name of the hook that is number `at`.
    pub(crate) fn name(self, at: usize) -> String {
        format!("{}-{at}", if self == Self::Good { "good" } else { "hang" })
    }
}

impl fmt::Display for SetUp {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::OneBlocks => "1 hook blocks its thread",
            Self::OneBlocksThreeGood => "1 blocks, 3 are good",
            Self::AsManyAsWorkers => "as many block as workers",
            Self::TwiceAsMany => "twice as many block",
            Self::NeverYields => "hook never yields",
            Self::BlockingPool => "hook in spawn_blocking",
            Self::BlockInPlace => "hook in block_in_place",
            Self::DropBlocks => "hook's Drop blocks",
            Self::Leftover => "spawn_blocking left behind",
            Self::MainBlocks => "main blocks",
            Self::ExitHangs => "destructor hangs at exit",
            Self::CtrlCWhileWaiting => "3 Ctrl-C, hook waits",
            Self::CtrlCWhileBlocked => "3 Ctrl-C, hook blocks",
        })
    }
}
