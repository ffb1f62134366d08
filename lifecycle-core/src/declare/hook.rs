//! What `#[on_shutdown]` declares: const-built descriptors, collected at link time.

use std::{any::TypeId, fmt, future::Future, pin::Pin, time::Duration};

use crate::{SourceLocation, resource::Binder, text::cut, values::HookId};

pub use crate::resource::{Access, Need};

/// A shutdown hook, named by the marker type that `#[on_shutdown]` puts beside the function.
///
/// The marker is the hook's identity: `after = [close_pool]`,
/// `plan.runs_before::<flush, close_pool>()`. It is implemented by the attribute only.
#[diagnostic::on_unimplemented(
    message = "`{Self}` is not a shutdown hook",
    label = "not a hook",
    note = "a hook is a function under `#[lifecycle::on_shutdown]`; import it as one: `use the::module::the_hook;`"
)]
pub trait Hook: 'static {
    #[doc(hidden)]
    fn declared() -> &'static HookDecl;
}

impl HookId {
    /// The hook whose marker is `H`.
    pub(crate) fn of<H: Hook>() -> Self {
        Self::Declared(H::declared().marker)
    }
}

/// An edge to another hook: a function, so that a cycle is an error of the plan and not of rustc.
pub type HookRef = fn() -> &'static HookDecl;

/// A hook as its attribute wrote it down.
#[derive(Debug)]
pub struct HookDecl {
    /// The marker type.
    pub marker: TypeId,
    /// `crate::module::function`, or what `name = ".."` says.
    pub name: &'static str,
    /// Whether `name = ".."` was written.
    pub name_written: bool,
    /// Where the attribute stands.
    pub location: SourceLocation,
    /// `order = ..`, where written.
    pub order: Option<i32>,
    /// `timeout = ".."`, where written.
    pub timeout: Option<Duration>,
    /// `after = [..]`.
    pub after: &'static [HookRef],
    /// Whether `after = ..` was written, be it empty.
    pub after_written: bool,
    /// `before = [..]`.
    pub before: &'static [HookRef],
    /// Whether the function is not `async`: it then runs on a thread of its own.
    pub blocking: bool,
    /// The parameters that are resources.
    pub needs: &'static [Need],
    /// `uses = [..]`: what it counts as borrowing and is not given.
    pub uses: &'static [Need],
    /// `if_provided`: where a resource was never provided, there is no such hook.
    pub if_provided: bool,
    /// Binds the parameters and makes the call; `None` when a resource is missing (the binder says
    /// which).
    pub start: fn(&mut Binder<'_>) -> Option<Body>,
}

/// The entry that `inventory` collects: a function, as `HookDecl`s are reached through their
/// markers.
#[derive(Debug)]
pub struct HookEntry(pub HookRef);
inventory::collect!(HookEntry);

/// A hook that `expect_hooks!` promises to be linked.
#[derive(Debug)]
pub struct ExpectedHook {
    /// The hook.
    pub hook: HookRef,
    /// Where the promise stands.
    pub location: SourceLocation,
}
inventory::collect!(ExpectedHook);

/// A bound call of a hook, not begun.
pub enum Body {
    /// Runs as a task.
    Async(Pin<Box<dyn Future<Output = HookEnd> + Send>>),
    /// Runs on a thread of its own.
    Sync(Box<dyn FnOnce() -> HookEnd + Send>),
}

impl fmt::Debug for Body {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Async(_) => "Body::Async",
            Self::Sync(_) => "Body::Sync",
        })
    }
}

/// What a hook's function returned: nothing to say, or the text of its error.
pub type HookEnd = Result<(), String>;

/// What a shutdown hook may return: `()` or `Result<(), E>` with `E: Display`.
#[diagnostic::on_unimplemented(
    message = "a shutdown hook cannot return `{Self}`",
    label = "not a hook's result",
    note = "a hook returns `()` or `Result<(), E>` where `E: std::fmt::Display`"
)]
pub trait HookResult {
    #[doc(hidden)]
    fn into_end(self) -> HookEnd;
}

impl HookResult for () {
    fn into_end(self) -> HookEnd {
        Ok(())
    }
}

#[diagnostic::do_not_recommend]
impl<E: fmt::Display> HookResult for Result<(), E> {
    fn into_end(self) -> HookEnd {
        // The alternate form has the causes, where an error type knows them (`anyhow` and its kin).
        self.map_err(|error| cut::shown(&error))
    }
}

/// What never returns: `async { panic!() }` is that.
#[diagnostic::do_not_recommend]
impl HookResult for <fn() -> ! as Returns>::Output {
    fn into_end(self) -> HookEnd {
        self
    }
}

/// `!` by its stable name: what a `fn() -> !` returns.
#[doc(hidden)]
pub trait Returns {
    type Output;
}

impl<T> Returns for fn() -> T {
    type Output = T;
}
