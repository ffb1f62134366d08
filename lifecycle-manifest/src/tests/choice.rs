//! Which container is the service.

use std::{
    path::{Path, PathBuf},
    time::Duration,
};

use lifecycle_core::{Config, Manifest, ext::Overrides};

use super::{super::kind, hold, parsed, plan};

const TWO: &str = "
kind: Deployment
metadata: { name: shop }
spec: { template: { spec: { containers: [{ name: api, image: a }, { name: proxy, image: a }] } } }
---
kind: CronJob
metadata: { name: shop }
spec: { jobTemplate: { spec: { template: { spec: { containers: [{ name: settle, image: a }] } } } } }
---
kind: Pod
metadata: { name: debug }
spec: { containers: [{ name: api, image: a, env: [{ name: LIFECYCLE_DRAIN_TIMEOUT, value: 1s }] }] }
";

/// Where the environment of what is chosen in `text` belongs.
fn chosen(text: &str, wanted: &str) -> String {
    let name = if wanted.is_empty() { "k8s.yaml".to_owned() } else { format!("k8s.yaml#{wanted}") };
    parsed(&name, text).map_or_else(|error| error.to_string(), |workload| workload.environment)
}

#[test]
fn it_is_the_one_that_is_named_by_as_much_as_is_needed() {
    for (wanted, expected) in [
        ("proxy", "env of `proxy`, k8s.yaml:4"),
        ("settle", "env of `settle`, k8s.yaml:8"),
        ("shop/api", "env of `api`, k8s.yaml:4"),
        ("debug/api", "env of `api`, k8s.yaml:12"),
        ("CronJob", "env of `settle`, k8s.yaml:8"),
        ("CronJob/shop", "env of `settle`, k8s.yaml:8"),
        ("Deployment/shop/proxy", "env of `proxy`, k8s.yaml:4"),
        ("debug", "env of `api`, k8s.yaml:12"),
    ] {
        assert_eq!(chosen(TWO, wanted), expected, "{wanted}");
    }
}

#[test]
fn it_is_the_one_with_a_variable_of_the_library() {
    assert_eq!(chosen(TWO, ""), "env of `api`, k8s.yaml:12");
    assert_eq!(chosen(TWO, "api"), "env of `api`, k8s.yaml:12");
}

#[test]
fn a_sidecar_is_the_service_where_something_says_so() {
    let pod = |env: &str| {
        format!(
            "kind: Pod
spec:
  terminationGracePeriodSeconds: 60
  initContainers:
    - {{ name: mesh, image: a, restartPolicy: Always{env} }}
    - {{ name: migrate, image: b }}
  containers: [{{ name: api, image: c }}]
"
        )
    };
    let ours = ", env: [{ name: LIFECYCLE_DRAIN_TIMEOUT, value: 1s }]";
    assert_eq!(chosen(&pod(""), ""), "env of `api`, k8s.yaml:7");
    assert_eq!(chosen(&pod(ours), "api"), "env of `api`, k8s.yaml:7");
    let unknown = "k8s.yaml:5: spec.initContainers[0]: `mesh` is a native sidecar: ";
    for (env, wanted) in [(ours, ""), ("", "mesh")] {
        assert!(chosen(&pod(env), wanted).starts_with(unknown), "{}", chosen(&pod(env), wanted));
    }
    // What the main containers take is told as what a preStop takes is.
    let mut overrides = Overrides::default();
    overrides.pre_stop = Some(Duration::from_secs(25));
    let read = kind::parse(Path::new("k8s.yaml"), &pod(ours), &overrides);
    let read = read.map_err(|error| error.to_string()).unwrap();
    assert_eq!(
        (read.spent.as_secs(), read.chosen.as_deref()),
        (25, Some("`mesh` of `api`, `mesh`"))
    );
}

#[test]
fn else_the_candidates_are_named() {
    for (wanted, expected) in [
        (
            "shop",
            "k8s.yaml: which container is the service? It has `api`, `proxy`, `settle`; name one: `k8s.yaml#api`",
        ),
        (
            "Shop",
            "k8s.yaml: no container `Shop`; it has `shop/api`, `proxy`, `settle`, `debug/api`",
        ),
        ("", "env of `api`, k8s.yaml:12"),
    ] {
        assert_eq!(chosen(TWO, wanted), expected, "{wanted}");
    }
    let twins = TWO.replace("LIFECYCLE", "OTHER");
    assert_eq!(
        chosen(&twins, "api"),
        "k8s.yaml: which container is the service? It has `shop/api`, `debug/api`; name one: `k8s.yaml#shop/api`"
    );
}

#[test]
fn text_names_the_container_as_well() {
    let compose = Path::new("src/tests/fixtures/compose.yaml");
    let text = format!("{}#orders", compose.display());
    let fits = |manifest: Manifest| plan().fits_manifest(manifest).map(|fits| fits.spare());
    let spare = fits(text.as_str().into()).unwrap();
    assert_eq!(fits((&text).into()).unwrap(), spare);
    assert_eq!(fits(text.into()).unwrap(), spare);
    assert_eq!(fits(Manifest::at(compose).container("orders")).unwrap(), spare);
    let ambiguous: [Manifest; 3] =
        [compose.into(), PathBuf::from(compose).into(), (&PathBuf::from(compose)).into()];
    for manifest in ambiguous {
        let why = fits(manifest).unwrap_err().to_string();
        assert!(why.contains("which container is the service?"), "{why}");
    }
}

#[test]
fn a_file_may_have_a_number_sign_in_its_name() {
    let dir = tempfile::tempdir().unwrap();
    let said = |name: &str| {
        let path = dir.path().join(name).display().to_string();
        plan()
            .fits_manifest(path.as_str())
            .map_or_else(|error| error.to_string(), |fits| fits.to_string())
    };
    std::fs::write(
        dir.path().join("a#1.yaml"),
        "services: { orders: {}, worker: { image: a, stop_grace_period: 10s } }",
    )
    .unwrap();
    assert!(
        said("a#1.yaml").contains("a#1.yaml: which container is the service?"),
        "{}",
        said("a#1.yaml")
    );
    assert!(
        said("a#1.yaml#worker").contains("a#1.yaml:1 stop_grace_period"),
        "{}",
        said("a#1.yaml#worker")
    );
    assert!(said("b#1.yaml").contains("b: No such file"), "{}", said("b#1.yaml"));
}

#[test]
fn text_names_the_files_beside_as_well() {
    let folder = tempfile::tempdir().unwrap();
    let path = |name: &str| folder.path().join(name).display().to_string();
    let services =
        "services: { orders: { image: a, stop_grace_period: 10s }, worker: { image: b } }";
    std::fs::write(path("compose.yaml"), services).unwrap();
    std::fs::write(path("Dockerfile"), "FROM a\nSTOPSIGNAL SIGQUIT\n").unwrap();
    std::fs::write(path("a,b.yaml"), services).unwrap();
    let said = |text: String| {
        let held = plan().fits_manifest(text);
        held.map_or_else(|error| error.to_string(), |fits| fits.to_string())
    };
    let quit = format!("{}:2: STOPSIGNAL: found SIGQUIT: ", path("Dockerfile"));
    let text = format!("{}#orders,{}", path("compose.yaml"), path("Dockerfile"));
    assert!(said(text).starts_with(&quit));
    let text = format!("{}#orders, {},", path("compose.yaml"), path("Dockerfile"));
    assert!(said(text).starts_with(&quit));
    let all = Manifest::at(path("compose.yaml")).container("worker").beside(path("Dockerfile"));
    assert!(plan().fits_manifest(all).unwrap_err().to_string().starts_with(&quit));
    let whole = said(path("a,b.yaml"));
    assert!(whole.contains("a,b.yaml: which container is the service?"), "{whole}");
}

#[test]
fn the_account_says_which_it_is() {
    let services = |count: usize| {
        (0..count).map(|n| format!("a{n}: {{ image: a }}")).collect::<Vec<_>>().join(", ")
    };
    let said = |count, wanted: &str| {
        let text = format!(
            "services: {{ orders: {{ image: a, stop_grace_period: 40s, environment: [LIFECYCLE_GRACE_PERIOD=40s] }}, {} }}",
            services(count)
        );
        let workload = parsed(&format!("compose.yaml{wanted}"), &text)
            .unwrap_or_else(|error| panic!("{error}"));
        let config = Config::new().hook_timeout(Duration::from_secs(9));
        hold(workload, &config, &plan())
            .map_or_else(|error| error.to_string(), |fits| fits.to_string())
    };
    let second = |text: String| text.lines().nth(1).unwrap().to_owned();
    assert_eq!(second(said(0, "#orders")), "  delay           0s  default");
    assert_eq!(second(said(1, "")), "  service   `orders` of `orders`, `a0`");
    assert_eq!(second(said(1, "#a0")), "  service   `a0` of `orders`, `a0`");
    assert!(said(1, "#a0").starts_with("the plan does not fit: "));
    assert!(second(said(11, "")).ends_with("`a8` and 2 more"), "{}", said(11, ""));
}
