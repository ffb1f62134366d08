//! The services that run, and how they become those of another file.

use std::collections::BTreeMap;

use lifecycle::process::{Child, SpawnError};
use tracing::{error, info};

use crate::config::{File, Service};

/// Those that run, and what each was started by.
#[derive(Default)]
pub(crate) struct Services {
    running: BTreeMap<String, (Service, Child)>,
}

impl Services {
    /// Starts what is not there, stops what is gone from the file, and starts anew what has changed
    /// and what comes after that.
    ///
    /// # Errors
    ///
    /// When one cannot be started: those before it run.
    pub(crate) async fn become_as(&mut self, file: &File) -> Result<(), SpawnError> {
        let order = file.in_order().unwrap_or_default();
        let mut kept: Vec<&str> = Vec::new();
        for name in &order {
            let service = &file.services[*name];
            let is_same = self.running.get(*name).is_some_and(|(running, _)| running == service);
            if is_same && service.after.iter().all(|other| kept.contains(&other.as_str())) {
                kept.push(name);
            }
        }
        let mut gone: Vec<String> =
            self.running.keys().filter(|name| !kept.contains(&name.as_str())).cloned().collect();
        // Whoever comes after another stops before it.
        while let Some(at) = gone.iter().position(|name| !self.is_needed(name)) {
            self.stop(&gone.remove(at)).await;
        }
        for name in order.into_iter().filter(|name| !kept.contains(name)) {
            let service = &file.services[name];
            let others = service.after.iter().filter_map(|other| self.running.get(other));
            let command =
                others.fold(service.command(name), |command, (_, other)| command.before(other));
            let child = command.spawn()?;
            info!("{name} runs: pid {}, held by a {}", child.id(), child.containment());
            self.running.insert(name.to_owned(), (service.clone(), child));
        }
        Ok(())
    }

    /// Whether one that runs comes after it.
    fn is_needed(&self, name: &str) -> bool {
        self.running.values().any(|(service, _)| service.after.contains(name))
    }

    async fn stop(&mut self, name: &str) {
        let Some((_, child)) = self.running.remove(name) else { return };
        match child.stop().await {
            Ok(stopped) => info!("{name} is gone: {stopped}"),
            Err(wrong) => error!("{name}: {wrong}"),
        }
    }
}
