//! What is done when the process is ended, registered by whoever needs it.

use std::{any::Any, fmt};

use super::lifecycle::Lifecycle;
use crate::os::{LastResort, LastResortError};

impl LastResort {
    /// Has it done when the library ends the process, until the handle is dropped. In a scenario,
    /// where no process is ended, the report lists it as a problem instead.
    ///
    /// ```
    /// use lifecycle_core::ext::LastResort;
    ///
    /// let socket = LastResort::Unlink("/run/orders/admin.sock".into()).register()?;
    /// drop(socket);
    /// # Ok::<(), lifecycle_core::ext::LastResortError>(())
    /// ```
    ///
    /// # Errors
    ///
    /// When 256 are registered in this process, and when it is something that cannot be done.
    pub fn register(self) -> Result<LastResortHandle, LastResortError> {
        let added = Lifecycle::current().host.add_last_resort(self)?;
        Ok(LastResortHandle { _added: added })
    }
}

/// A last resort is done only while this lives.
#[must_use = "dropping it takes the last resort back"]
pub struct LastResortHandle {
    _added: Box<dyn Any + Send + Sync>,
}

impl fmt::Debug for LastResortHandle {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("LastResortHandle").finish_non_exhaustive()
    }
}
