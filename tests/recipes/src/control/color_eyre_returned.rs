//! What the recipe is for: main returns its error, and shows nothing of it.

use std::fs;

use color_eyre::{
    Section,
    eyre::{self, WrapErr},
};

#[lifecycle::main]
async fn main() -> eyre::Result<()> {
    color_eyre::install()?;
    fs::read_to_string("/nowhere/orders.toml")
        .wrap_err("orders cannot start")
        .suggestion("copy orders.example.toml")?;
    Ok(())
}
