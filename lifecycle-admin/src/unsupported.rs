//! Where there are no Unix sockets.

use std::path::PathBuf;

use lifecycle_core::{
    Config,
    ext::{self, AdminListener, Component, ComponentError},
};

ext::register!(AdminListener::new(add));

fn add(config: Config, _: PathBuf) -> Config {
    config.component(Unsupported)
}

struct Unsupported;

impl Component for Unsupported {
    fn name(&self) -> String {
        "admin".to_owned()
    }

    async fn start(&mut self) -> Result<(), ComponentError> {
        Err("this system has no Unix sockets: leave out Config::admin".into())
    }

    async fn stop(&mut self) -> Result<(), ComponentError> {
        Ok(())
    }
}
