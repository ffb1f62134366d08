use crate::{Config, FitError, Fits, Plan, config::Environment, ext::Deployment, runtime::linked};

impl Deployment {
    /// Whether `plan` fits what this grants and sets, as `Plan::fits_manifest` says it of a file. The
    /// process runs with `config`; it has `inherited` variables, and over them those of the deployment.
    ///
    /// # Errors
    ///
    /// When the plan does not fit, with the account and which numbers to change; when the deployment
    /// contradicts itself.
    pub fn fits(
        self,
        plan: &Plan,
        config: &Config,
        inherited: impl IntoIterator<Item = (String, String)>,
    ) -> Result<Fits, FitError> {
        let variables = inherited.into_iter().collect();
        let inherited = Environment { variables, linked: linked(), ..Environment::default() };
        self.hold(plan.clone(), config, &inherited)
    }
}
