//! A plan against the file that its service is deployed by. What reads it is another crate, which is
//! linked in.

use crate::{FitError, Fits, Manifest, Plan, config::Environment, runtime::linked};

impl Plan {
    /// Whether the plan fits what a manifest grants and tells the library: [`fits`](Self::fits), with the
    /// numbers that are in force where it is deployed. The library never learns what the platform grants;
    /// where it would take more than that, the plan does not fit, however little it needs.
    ///
    /// Nothing of the environment of this process is used: a test proves the same everywhere.
    ///
    /// ```no_run
    /// use lifecycle_core::{Config, Manifest, Plan};
    ///
    /// let plan = Plan::collect().unwrap();
    /// plan.fits_manifest("deploy/k8s.yaml").unwrap();
    /// let compose = Manifest::at("deploy/compose.yaml").container("orders");
    /// plan.fits_manifest(compose.config(&Config::new())).unwrap();
    /// ```
    ///
    /// # Errors
    ///
    /// When the plan does not fit, with the account and which numbers of the manifest to change. When the
    /// manifest cannot be read or contradicts itself, with file, line, field and what to do; the number
    /// that is [missing](FitError::missing) is `None` then. So it is in a program that depends on
    /// `lifecycle-core` and does not link `lifecycle-manifest`; the feature `manifest` of
    /// `lifecycle-hooks` does.
    pub fn fits_manifest(&self, manifest: impl Into<Manifest>) -> Result<Fits, FitError> {
        let nothing = Environment { linked: linked(), ..Environment::default() };
        manifest.into().hold(self, &nothing)
    }
}
