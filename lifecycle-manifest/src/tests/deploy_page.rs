//! What `docs/deploy.md` and its pages say to write is green.

use lifecycle_core::{Config, ext::Overrides};

use super::{super::kind, hold, plan};

/// Each page, and the files that it shows.
const PAGES: [(&str, &[&str]); 6] = [
    // The first one is beside the others.
    ("deploy/containers.md", &["Dockerfile", "shop.container"]),
    ("deploy/kubernetes.md", &["k8s.yaml"]),
    ("deploy/ecs.md", &["task.json"]),
    ("deploy/compose.md", &["compose.yaml"]),
    ("deploy/nomad.md", &["job.json"]),
    ("deploy.md", &["shop.service"]),
];

/// Of blocks that are no deployed file.
const OTHERS: [&str; 4] = ["sh", "text", "toml", "rust,ignore"];

#[test]
fn each_example_of_the_pages_fits_and_needs_no_note() {
    let folder = tempfile::tempdir().unwrap();
    let path = |name: &str| folder.path().join(name);
    for (page, names) in PAGES {
        let text = std::fs::read_to_string(format!("../docs/{page}")).unwrap();
        let mut names = names.iter();
        for block in text.split("\n```").skip(1).step_by(2) {
            let (language, text) = block.split_once('\n').unwrap();
            if OTHERS.contains(&language) {
                continue;
            }
            let name = *names.next().unwrap_or_else(|| panic!("{page}: what is {text}"));
            std::fs::write(path(name), format!("{text}\n")).unwrap();
            if name == "Dockerfile" {
                continue;
            }
            let mut overrides = Overrides::default();
            let runs_images = name != "shop.service";
            overrides.beside.extend(runs_images.then(|| path("Dockerfile")));
            let read =
                kind::read(&path(name), &overrides).map_err(|error| error.to_string()).unwrap();
            assert_eq!(read.variables.len(), 1, "{name}");
            let fits = hold(read, &Config::new(), &plan())
                .unwrap_or_else(|error| panic!("{name}: {error}"));
            assert!(!fits.to_string().contains("note:"), "{name}: {fits}");
        }
        assert_eq!(names.next(), None, "{page}");
    }
}

#[test]
fn links_of_the_pages_lead_somewhere() {
    let folder = std::path::Path::new("../docs");
    let pages = std::fs::read_dir(folder.join("deploy")).unwrap();
    let pages = pages.map(|page| page.unwrap().path()).chain([folder.join("deploy.md")]);
    let mut seen = 0;
    for page in pages {
        let text = std::fs::read_to_string(&page).unwrap();
        for link in text.split("](").skip(1).filter_map(|rest| rest.split(')').next()) {
            let file = link.split('#').next().unwrap_or_default();
            if link.starts_with("http") || file.is_empty() {
                continue;
            }
            seen += 1;
            assert!(page.with_file_name(file).exists(), "{}: {link}", page.display());
        }
    }
    assert!(seen > 8, "{seen}");
}
