//! Manifests of AWS Copilot, which say nothing of the stop: what is deployed is made of them.

use lifecycle_core::ext::ManifestError;

use super::document::Node;

const KINDS: [(&str, &str); 6] = [
    ("Load Balanced Web Service", "svc"),
    ("Backend Service", "svc"),
    ("Worker Service", "svc"),
    ("Request-Driven Web Service", "svc"),
    ("Static Site", "svc"),
    ("Scheduled Job", "job"),
];

/// Why `root` is not read, where it is one of Copilot's.
pub(super) fn refusal(root: &Node) -> Option<ManifestError> {
    let kind = root.get("type")?;
    let text = kind.text().ok()?;
    let (_, command) = KINDS.into_iter().find(|(known, _)| *known == text)?;
    Some(kind.wrong(format!(
        "a manifest of Copilot, from which a template of CloudFormation is made: render it first, with `copilot \
         {command} package`, and check what comes out"
    )))
}
