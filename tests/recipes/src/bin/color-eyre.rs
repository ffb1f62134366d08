use std::{fs, path::Path};

use color_eyre::{
    Section,
    eyre::{self, WrapErr},
};

fn settings(path: &Path) -> eyre::Result<String> {
    fs::read_to_string(path)
        .wrap_err_with(|| format!("cannot read {}", path.display()))
        .suggestion("copy orders.example.toml")
}

async fn serve() -> eyre::Result<()> {
    let settings = settings(Path::new("/nowhere/orders.toml")).wrap_err("orders cannot start")?;
    println!("{settings}");
    lifecycle::draining().await;
    Ok(())
}

#[lifecycle::main]
async fn main() -> eyre::Result<()> {
    color_eyre::install()?;
    // Lifecycle shows an error in one line; this shows its sections as well.
    serve().await.inspect_err(|report| eprintln!("Error: {report:?}"))
}
