//! The metrics of the lifecycle as observable instruments of the global meter provider, whichever
//! the application sets; and [`Flush`], the hook that sends what providers still have.
//!
//! For the metrics nothing is to be called: the instruments are made when the state changes, for
//! whatever provider is there, and again for one that is set later. What they say is looked up when
//! the provider collects. The page `docs/metrics.md` has the table.

mod flush;
pub(crate) mod instruments;

use opentelemetry::KeyValue;

pub use self::flush::Flush;
use crate::{observer::begin_once, pod, snapshot::Exported};

/// Makes the instruments for a meter provider that was set after the service was ready, now, and
/// not when the state changes. Where they are made, and before the process's `run` has begun,
/// nothing happens.
///
/// # Panics
///
/// When the system grants no thread to the first call.
pub fn refresh() {
    if let Some(exported) = Exported::of_process() {
        begin_once(exported);
        instruments::attach(exported);
    }
}

/// `k8s.pod.name` and `k8s.namespace.name`, as far as `POD_NAME` and `POD_NAMESPACE` tell them: for
/// the resource of the application's providers.
///
/// ```
/// use opentelemetry_sdk::{Resource, trace::SdkTracerProvider};
///
/// let resource = Resource::builder()
///     .with_service_name("orders")
///     .with_attributes(lifecycle_telemetry::opentelemetry::pod())
///     .build();
/// let provider = SdkTracerProvider::builder().with_resource(resource).build();
/// # let _ = provider;
/// ```
#[must_use]
pub fn pod() -> Vec<KeyValue> {
    let name = pod::name().map(|name| KeyValue::new("k8s.pod.name", name));
    let namespace = pod::namespace().map(|name| KeyValue::new("k8s.namespace.name", name));
    name.into_iter().chain(namespace).collect()
}
