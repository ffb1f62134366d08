//! Hooks and extensions register at link time: what a built program sees of its own hooks, of those
//! of its dependencies, and of what draws and reads for it.

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

/// The crates of the features `manifest` and `pictures` are named by the facade alone.
#[test]
fn extensions_are_there_in_dev() {
    extensions_answer("dev");
}

#[test]
fn extensions_are_there_in_release() {
    extensions_answer("release");
}

#[test]
fn extensions_are_there_with_fat_lto() {
    extensions_answer("fat");
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
    let printed = run(profile, &[]);
    let mut names: Vec<_> = printed.lines().map(str::to_owned).collect();
    names.sort_unstable();
    names
}

/// Each is asked for what it alone can answer.
#[track_caller]
fn extensions_answer(profile: &str) {
    let plan = run(profile, &[("LIFECYCLE_PLAN", "svg")]);
    assert!(plan.starts_with("<svg ") && plan.contains("billing::close"), "{plan}");

    let folder = target().join(format!("extensions-{profile}"));
    fs::create_dir_all(&folder).unwrap();
    for (extension, start) in [("svg", "<svg "), ("html", "<!DOCTYPE html>")] {
        let path = folder.join(format!("report.{extension}"));
        let _ = fs::remove_file(&path);
        run(profile, &[("LIFECYCLE_REPORT", path.to_str().unwrap())]);
        let report = fs::read_to_string(&path).unwrap();
        assert!(report.starts_with(start) && report.contains("billing::close"), "{report}");
    }

    let manifest = folder.join("compose.yaml");
    let environment = "environment: [LIFECYCLE_GRACE_PERIOD=77s]";
    fs::write(
        &manifest,
        format!(
            "services:\n  app:\n    stop_grace_period: 77s\n    image: app\n    {environment}\n"
        ),
    )
    .unwrap();
    let manifest = manifest.to_str().unwrap();
    let fits = run(profile, &[("LIFECYCLE_PLAN", "check"), ("LIFECYCLE_MANIFEST", manifest)]);
    assert!(fits.starts_with("the plan fits: it needs 17s of 1m17s"), "{fits}");
    assert!(fits.contains("compose.yaml:3 stop_grace_period"), "{fits}");
}

/// What the program printed, under these variables.
fn run(profile: &str, variables: &[(&str, &str)]) -> String {
    let args = ["run", "--quiet", "--package", "app", "--profile", profile];
    let mut command = command(&fixture(), &args);
    succeed(command.envs(variables.iter().copied()).output().expect("cargo runs"))
}

fn fixture() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/link")
}

/// One directory for all fixtures, so that what they share is built once.
fn target() -> PathBuf {
    Path::new(env!("CARGO_TARGET_TMPDIR")).join("fixtures")
}

fn cargo(directory: &Path, args: &[&str]) -> Output {
    command(directory, args).output().expect("cargo runs")
}

fn command(directory: &Path, args: &[&str]) -> Command {
    let mut command = Command::new(env::var_os("CARGO").unwrap_or_else(|| "cargo".into()));
    command
        .args(args)
        .current_dir(directory)
        .env("CARGO_TARGET_DIR", target())
        .env_remove("RUSTFLAGS");
    command
}

fn succeed(output: Output) -> String {
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).expect("names are text")
}
