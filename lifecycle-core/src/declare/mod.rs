//! What an annotation leaves behind: const-built descriptors of hooks and sites, collected at link time.

mod context;
mod expect;
pub(crate) mod hook;
mod hook_id;
pub(crate) mod site;
pub(crate) mod type_check;

pub(crate) use self::hook_id::{HookId, Uses};
pub use self::{
    context::ShutdownContext,
    hook::{Hook, HookResult},
    site::Site,
};
