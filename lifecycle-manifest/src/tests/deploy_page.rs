//! What `docs/deploy.md` says to write is green.

use lifecycle_core::{Config, ext::Overrides};

use super::{super::kind, hold, plan};

#[test]
fn each_example_of_the_page_fits_and_needs_no_note() {
    let page = std::fs::read_to_string("../docs/deploy.md").unwrap();
    let folder = tempfile::tempdir().unwrap();
    let path = |name: &str| folder.path().join(name);
    let mut names = [
        "Dockerfile",
        "k8s.yaml",
        "task.json",
        "compose.yaml",
        "shop.service",
        "shop.container",
        "job.json",
    ]
    .into_iter();
    for block in page.split("\n```").skip(1).step_by(2) {
        let (language, text) = block.split_once('\n').unwrap();
        if language == "sh" {
            continue;
        }
        let name = names.next().unwrap();
        std::fs::write(path(name), format!("{text}\n")).unwrap();
        if name == "Dockerfile" {
            continue;
        }
        let mut overrides = Overrides::default();
        let runs_images = name != "shop.service";
        overrides.beside.extend(runs_images.then(|| path("Dockerfile")));
        let read = kind::read(&path(name), &overrides).map_err(|error| error.to_string()).unwrap();
        assert_eq!(read.variables.len(), 1, "{name}");
        let fits =
            hold(read, &Config::new(), &plan()).unwrap_or_else(|error| panic!("{name}: {error}"));
        assert!(!fits.to_string().contains("note:"), "{name}: {fits}");
    }
    assert_eq!(names.next(), None);
}
