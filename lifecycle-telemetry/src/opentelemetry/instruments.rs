//! The instruments, made anew for each provider that is set.

use std::{
    ptr,
    sync::{Arc, Mutex, PoisonError, Weak},
};

use opentelemetry::{
    KeyValue, global,
    metrics::{AsyncInstrument, MeterProvider},
};

use crate::{
    snapshot::Exported,
    table::{Kind, METRICS, Metric},
};

type Provider = dyn MeterProvider + Send + Sync;

/// For which provider they were made last. Not owned, as the last owner of a provider shuts it down.
static MADE_FOR: Mutex<Option<Weak<Provider>>> = Mutex::new(None);

/// Makes them for the provider that is set, unless that is done.
pub(crate) fn attach(exported: &'static Exported) {
    let provider = global::meter_provider();
    let mut made_for = MADE_FOR.lock().unwrap_or_else(PoisonError::into_inner);
    let is_made =
        made_for.as_ref().is_some_and(|made| ptr::addr_eq(made.as_ptr(), Arc::as_ptr(&provider)));
    if is_made {
        return;
    }
    *made_for = Some(Arc::downgrade(&provider));
    let meter = provider.meter("lifecycle");
    for metric in METRICS.iter().copied() {
        match metric.kind {
            Kind::Gauge => {
                meter
                    .f64_observable_gauge(metric.name)
                    .with_unit(metric.unit.ucum())
                    .with_description(metric.help)
                    .with_callback(move |instrument| {
                        each(exported, metric, |value, labels| instrument.observe(value, labels));
                    })
                    .build();
            }
            Kind::Counter => {
                meter
                    .u64_observable_counter(metric.name)
                    .with_unit(metric.unit.ucum())
                    .with_description(metric.help)
                    .with_callback(move |instrument: &dyn AsyncInstrument<u64>| {
                        // Counts, which a float holds exactly.
                        each(exported, metric, |value, labels| {
                            instrument.observe(value as u64, labels);
                        });
                    })
                    .build();
            }
        }
    }
}

fn each(exported: &Exported, metric: &Metric, mut observe: impl FnMut(f64, &[KeyValue])) {
    for sample in exported.recent_samples().iter().filter(|sample| *sample.metric == *metric) {
        let values = sample.labels.iter().map(|value| value.clone().into_owned());
        let labels: Vec<_> = metric
            .labels
            .iter()
            .zip(values)
            .map(|(name, value)| KeyValue::new(*name, value))
            .collect();
        observe(sample.value, &labels);
    }
}
