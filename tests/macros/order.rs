//! The order of attributes never matters.

use std::sync::{Arc, Mutex};

use async_trait::async_trait;
use axum::{
    Router, body::Body, extract::State, http::Request, response::IntoResponse, routing::get,
};
use lifecycle::{Admission, Refused, on_shutdown, tracked};
use tracing::{Span, instrument};

fn in_call_and_span() -> (bool, Option<&'static str>) {
    (Admission::current().is_some(), Span::current().metadata().map(tracing::Metadata::name))
}

#[tracked(refused = (false, None))]
#[instrument]
async fn tracked_first(n: u8) -> (bool, Option<&'static str>) {
    tokio::task::yield_now().await;
    in_call_and_span()
}

#[instrument]
#[tracked(refused = (false, None))]
async fn instrument_first(n: u8) -> (bool, Option<&'static str>) {
    tokio::task::yield_now().await;
    in_call_and_span()
}

#[tracked(refused = (false, None))]
#[instrument]
fn sync_tracked_first(n: u8) -> (bool, Option<&'static str>) {
    in_call_and_span()
}

#[instrument]
#[tracked(refused = (false, None))]
fn sync_instrument_first(n: u8) -> (bool, Option<&'static str>) {
    in_call_and_span()
}

#[tracked(refused = (false, None))]
#[instrument(skip(secret))]
async fn destructured(
    (n, mut m): (u8, u8),
    State(secret): State<NotDebug>,
) -> (bool, Option<&'static str>) {
    m += n + secret.0;
    tokio::task::yield_now().await;
    assert_eq!(m, 6);
    in_call_and_span()
}

struct NotDebug(u8);

#[tokio::test]
async fn instrument_keeps_its_span_and_the_call_its_admission() {
    let _subscriber = tracing::subscriber::set_default(AllSpans::default());
    assert_eq!(tracked_first(1).await, (true, Some("tracked_first")));
    assert_eq!(instrument_first(1).await, (true, Some("instrument_first")));
    assert_eq!(sync_tracked_first(1), (true, Some("sync_tracked_first")));
    assert_eq!(sync_instrument_first(1), (true, Some("sync_instrument_first")));
    assert_eq!(destructured((1, 2), State(NotDebug(3))).await, (true, Some("destructured")));
    assert_eq!(in_call_and_span(), (false, None));
}

#[async_trait]
trait Handler: Send + Sync {
    async fn handle(&self, n: u8) -> Result<u8, Refused>;
}

struct Inner(Mutex<bool>);

#[async_trait]
impl Handler for Inner {
    #[tracked]
    async fn handle(&self, n: u8) -> Result<u8, Refused> {
        tokio::task::yield_now().await;
        if n == 0 {
            return Ok(0);
        }
        *self.0.lock().unwrap() = Admission::current().is_some();
        Ok(n)
    }
}

#[async_trait]
trait Spanned {
    async fn above(&self) -> (bool, Option<&'static str>);
    async fn below(&self) -> (bool, Option<&'static str>);
}

#[async_trait]
impl Spanned for Inner {
    #[tracked(refused = (false, None))]
    #[instrument(skip(self))]
    async fn above(&self) -> (bool, Option<&'static str>) {
        tokio::task::yield_now().await;
        in_call_and_span()
    }

    #[instrument(skip(self))]
    #[tracked(refused = (false, None))]
    async fn below(&self) -> (bool, Option<&'static str>) {
        tokio::task::yield_now().await;
        in_call_and_span()
    }
}

#[tokio::test]
async fn async_trait_methods_keep_their_spans() {
    let _subscriber = tracing::subscriber::set_default(AllSpans::default());
    let inner = Inner(Mutex::new(false));
    assert_eq!(inner.above().await, (true, Some("above")));
    assert_eq!(inner.below().await, (true, Some("below")));
}

#[tokio::test]
async fn async_trait_methods_are_calls() {
    let handler = Arc::new(Inner(Mutex::new(false)));
    let dynamic: Arc<dyn Handler> = Arc::clone(&handler) as _;
    assert_eq!(dynamic.handle(0).await, Ok(0));
    assert_eq!(dynamic.handle(3).await, Ok(3));
    assert!(*handler.0.lock().unwrap());
}

#[tracked(admit = always)]
#[tokio::test]
async fn tracked_above_a_test() {
    tokio::task::yield_now().await;
    assert!(Admission::current().is_some());
}

#[tokio::test]
#[tracked(admit = always)]
async fn tracked_below_a_test() {
    tokio::task::yield_now().await;
    assert!(Admission::current().is_some());
}

#[derive(Clone)]
struct App(u8);

#[tracked(refused = "refused".into_response())]
#[axum::debug_handler]
async fn handler_above(State(App(n)): State<App>) -> axum::response::Response {
    format!("{n} {}", Admission::current().is_some()).into_response()
}

#[axum::debug_handler]
#[tracked(refused = |refused| Err(refused.to_string()))]
async fn handler_below(State(App(n)): State<App>) -> Result<impl IntoResponse, String> {
    Ok(format!("{n} {}", Admission::current().is_some()))
}

#[tokio::test]
async fn handlers_are_handlers() {
    use futures_util::StreamExt;
    use tower_service::Service;

    let mut app: Router = Router::new()
        .route("/above", get(handler_above))
        .route("/below", get(handler_below))
        .with_state(App(7));
    for path in ["/above", "/below"] {
        let request = Request::builder().uri(path).body(Body::empty()).unwrap();
        let mut body = app.call(request).await.unwrap().into_body().into_data_stream();
        let bytes = body.next().await.unwrap().unwrap();
        assert_eq!(bytes, "7 true");
    }
}

#[on_shutdown]
#[instrument]
async fn hook_above() -> Result<(), String> {
    Ok(())
}

#[instrument]
#[on_shutdown(after = [hook_above])]
async fn hook_below() -> Result<(), String> {
    Ok(())
}

#[on_shutdown]
#[tracked(admit = always)]
async fn tracked_hook_above() {}

#[tracked(admit = always)]
#[on_shutdown(after = [tracked_hook_above])]
async fn tracked_hook_below() {}

#[test]
fn hooks_are_collected_wherever_the_attribute_stands() {
    use lifecycle::__private::{HookEntry, inventory};

    let mut names: Vec<_> = inventory::iter::<HookEntry>()
        .map(|entry| (entry.0)().name)
        .filter_map(|name| name.strip_prefix("macros::order::"))
        .collect();
    names.sort_unstable();
    assert_eq!(names, ["hook_above", "hook_below", "tracked_hook_above", "tracked_hook_below"]);
}

/// Enables every span and knows the current one: the least that makes `Span::current` work.
#[derive(Default)]
struct AllSpans {
    known: Mutex<Vec<&'static tracing::Metadata<'static>>>,
    entered: Mutex<Vec<tracing::Id>>,
}

impl tracing::Subscriber for AllSpans {
    fn enabled(&self, _: &tracing::Metadata<'_>) -> bool {
        true
    }

    fn new_span(&self, span: &tracing::span::Attributes<'_>) -> tracing::Id {
        let mut known = self.known.lock().unwrap();
        known.push(span.metadata());
        tracing::Id::from_u64(known.len() as u64)
    }

    fn record(&self, _: &tracing::Id, _: &tracing::span::Record<'_>) {}

    fn record_follows_from(&self, _: &tracing::Id, _: &tracing::Id) {}

    fn event(&self, _: &tracing::Event<'_>) {}

    fn enter(&self, span: &tracing::Id) {
        self.entered.lock().unwrap().push(span.clone());
    }

    fn exit(&self, _: &tracing::Id) {
        self.entered.lock().unwrap().pop();
    }

    fn current_span(&self) -> tracing_core::span::Current {
        match self.entered.lock().unwrap().last() {
            Some(id) => {
                let index = usize::try_from(id.into_u64()).unwrap() - 1;
                tracing_core::span::Current::new(id.clone(), self.known.lock().unwrap()[index])
            }
            None => tracing_core::span::Current::none(),
        }
    }
}
