//! What an annotation leaves behind: const-built descriptors of hooks and sites, collected at link
//! time.

mod drain_need;
pub(crate) mod hook;
pub(crate) mod site;
pub(crate) mod type_check;

pub use self::{
    drain_need::DrainNeed,
    hook::{Hook, HookResult},
    site::Site,
};
pub(crate) use crate::{resource::Uses, values::HookId};
