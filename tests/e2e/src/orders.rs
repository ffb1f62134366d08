use std::{
    path::{Path, PathBuf},
    process::Command,
};

/// The program of the example: that of `E2E_ORDERS`, where somebody has built it already, else
/// it is built.
///
/// # Panics
///
/// When it cannot be built.
#[must_use]
pub fn orders() -> PathBuf {
    if let Some(built) = std::env::var_os("E2E_ORDERS") {
        return built.into();
    }
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
    let mut cargo = Command::new(env!("CARGO"));
    let built = cargo.args(["build", "--quiet", "--package", "orders"]).current_dir(&root).status();
    assert!(built.is_ok_and(|built| built.success()), "the example `orders` cannot be built");
    root.join("target/debug/orders")
}
