//! The plan of the worker, held against what is deployed.

use std::fs;

use crate::service::Site;

fn check(manifest: &str) -> lifecycle_process_tests::Ending {
    let service = Site::new().service();
    service.env("LIFECYCLE_PLAN", "check").env("LIFECYCLE_MANIFEST", manifest).run()
}

#[test]
fn the_plan_fits_what_is_deployed() {
    check("deploy/k8s.yaml").exits(0);
}

#[test]
fn a_grace_period_that_is_too_short_is_red_before_the_deploy() {
    let site = Site::new();
    let text = fs::read_to_string("deploy/k8s.yaml").expect("the manifest");
    let short = text.replace("GracePeriodSeconds: 30", "GracePeriodSeconds: 6");
    assert_ne!(short, text);
    let path = site.path().join("k8s.yaml");
    fs::write(&path, short).expect("a file");
    check(&path.display().to_string()).exits(78).says("terminationGracePeriodSeconds");
}
