//! Hooks register at link time: what a built program sees of its own hooks and those of its
//! dependencies.

use std::{
    env, fs,
    path::{Path, PathBuf},
    process::{Command, Output},
};

const EXPECTED: [&str; 4] =
    ["app::plan::close", "audit::flush", "billing::close", "billing::private::flush"];

#[test]
fn hooks_of_dependencies_are_there_in_dev() {
    assert_eq!(hooks("dev"), EXPECTED);
}

#[test]
fn hooks_of_dependencies_are_there_in_release() {
    assert_eq!(hooks("release"), EXPECTED);
}

#[test]
fn hooks_of_dependencies_are_there_with_fat_lto() {
    assert_eq!(hooks("fat"), EXPECTED);
}

#[test]
fn a_crate_of_edition_2021_with_another_name_for_the_library_works() {
    let tested = succeed(cargo(&fixture(), &["test", "--package", "audit", "--lib"]));
    assert!(tested.contains("1 passed"), "{tested}");
}

/// The linker would keep both, and the hooks of one would silently never run.
#[test]
fn two_versions_of_the_core_are_refused() {
    let graph = target().join("two-cores");
    let main = Path::new(env!("CARGO_MANIFEST_DIR"));
    let package = |name: &str, version: &str, rest: &str| {
        let directory = graph.join(name);
        fs::create_dir_all(directory.join("src")).unwrap();
        fs::write(directory.join("src/lib.rs"), "").unwrap();
        fs::write(directory.join("build.rs"), "fn main() {}").unwrap();
        let manifest = format!(
            "[package]\nname = \"{name}\"\nversion = \"{version}\"\nedition = \"2024\"\n{rest}\n[workspace]\n"
        );
        fs::write(directory.join("Cargo.toml"), manifest).unwrap();
    };
    let declared = fs::read_to_string(main.join("lifecycle-core/Cargo.toml")).unwrap();
    let links = declared
        .lines()
        .find(|line| line.starts_with("links ="))
        .expect("the core declares `links`");
    package("lifecycle-core", "0.99.0", links);
    let both = format!(
        "[dependencies]\none = {{ package = \"lifecycle-core\", path = {:?} }}\n\
         other = {{ package = \"lifecycle-core\", path = \"../lifecycle-core\" }}",
        main.join("lifecycle-core")
    );
    package("both", "0.0.0", &both);

    let refused = cargo(&graph.join("both"), &["metadata", "--format-version", "1"]);
    let said = String::from_utf8_lossy(&refused.stderr);
    assert!(!refused.status.success(), "two versions of the core resolved");
    assert!(said.contains("lifecycle-core") && said.contains("links"), "{said}");
}

/// The names that the program printed, sorted.
fn hooks(profile: &str) -> Vec<String> {
    let printed =
        succeed(cargo(&fixture(), &["run", "--quiet", "--package", "app", "--profile", profile]));
    let mut names: Vec<_> = printed.lines().map(str::to_owned).collect();
    names.sort_unstable();
    names
}

fn fixture() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/link")
}

/// One directory for all fixtures, so that what they share is built once.
fn target() -> PathBuf {
    Path::new(env!("CARGO_TARGET_TMPDIR")).join("fixtures")
}

fn cargo(directory: &Path, args: &[&str]) -> Output {
    Command::new(env::var_os("CARGO").unwrap_or_else(|| "cargo".into()))
        .args(args)
        .current_dir(directory)
        .env("CARGO_TARGET_DIR", target())
        .env_remove("RUSTFLAGS")
        .output()
        .expect("cargo runs")
}

fn succeed(output: Output) -> String {
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).expect("names are text")
}
