//! What linked crates add to this program.

use crate::{
    budget::ManifestReader,
    config::{Linked, ServiceManager},
    plan::PlanWriter,
    report::ReportWriter,
};

/// All of it, as the settings want to know it.
pub(crate) fn linked() -> Linked {
    Linked {
        plan_writers: PlanWriter::names(),
        report_writers: ReportWriter::extensions(),
        reads_manifests: ManifestReader::linked().is_some(),
        manager: ServiceManager::linked().map(ServiceManager::is_there),
    }
}
