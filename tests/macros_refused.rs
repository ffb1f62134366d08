//! What every kind of tracked function answers while the service drains.

use std::{
    pin::Pin,
    sync::atomic::{AtomicUsize, Ordering::SeqCst},
    time::Duration,
};

use async_trait::async_trait;
use futures_core::{Stream, future::BoxFuture, stream::BoxStream};
use futures_util::{StreamExt, stream};
use lifecycle::{Admission, Config, Reason, Refused, tracked};
use tracing::instrument;

static RAN: AtomicUsize = AtomicUsize::new(0);

fn ran() {
    RAN.fetch_add(1, SeqCst);
}

#[derive(Debug)]
struct AppError(Refused);

impl From<Refused> for AppError {
    fn from(refused: Refused) -> Self {
        Self(refused)
    }
}

#[tracked]
fn sync(_: u8) -> Result<(), AppError> {
    ran();
    Ok(())
}

#[tracked(name = "the async one")]
async fn asynchronous() -> Result<(), AppError> {
    ran();
    Ok(())
}

#[tracked]
async fn boxed_error() -> Result<(), Box<dyn std::error::Error + Send + Sync>> {
    ran();
    Ok(())
}

#[tracked(refused = None)]
async fn maybe() -> Option<u8> {
    ran();
    Some(1)
}

#[tracked(refused = |refused| refused.site().len())]
fn by_closure() -> usize {
    ran();
    0
}

#[allow(clippy::needless_pass_by_value)]
fn busy(refused: Refused) -> String {
    format!("busy: {}", refused.ran())
}

#[tracked(refused = busy)]
async fn by_path() -> String {
    ran();
    String::new()
}

#[tracked]
fn future() -> impl Future<Output = Result<(), Refused>> {
    ran();
    async { Ok(()) }
}

#[tracked]
fn pinned() -> Pin<Box<dyn Future<Output = Result<(), Refused>> + Send>> {
    ran();
    Box::pin(async { Ok(()) })
}

#[tracked(refused = 7)]
fn boxed(n: &u8) -> BoxFuture<'_, u8> {
    ran();
    Box::pin(async move { *n })
}

#[tracked]
fn items() -> impl Stream<Item = Result<u8, Refused>> {
    ran();
    stream::iter(0..3).map(Ok)
}

#[tracked(refused = 9)]
fn boxed_items() -> BoxStream<'static, u8> {
    ran();
    stream::iter(0..3).boxed()
}

#[tracked]
#[instrument]
async fn instrumented(n: u8) -> Result<(), Refused> {
    ran();
    Ok(())
}

struct Service;

impl Service {
    #[tracked(refused = ())]
    fn owned(self) {
        ran();
    }
}

#[async_trait]
trait Handler {
    async fn handle(&self) -> Result<(), Refused>;
    async fn wait(&self) -> Result<(), Refused>;
}

#[async_trait]
impl Handler for Service {
    #[tracked]
    async fn handle(&self) -> Result<(), Refused> {
        ran();
        Ok(())
    }

    #[tracked(drain = cancel)]
    async fn wait(&self) -> Result<(), Refused> {
        std::future::pending().await
    }
}

#[tracked(admit = always)]
async fn always() -> u8 {
    sync(1).expect("calls of an admitted call are admitted");
    asynchronous().await.expect("calls of an admitted call are admitted");
    1
}

#[tracked(admit = always)]
fn always_sync() -> bool {
    Admission::current().is_some()
}

#[tracked(admit = always)]
fn always_future() -> impl Future<Output = bool> {
    async { Admission::current().is_some() }
}

#[tracked(drain = cancel)]
async fn cancelled() -> Result<(), Refused> {
    std::future::pending().await
}

#[tracked(drain = cancel_after("20ms"), refused = busy)]
async fn cancelled_later() -> String {
    std::future::pending().await
}

#[tracked(admit = always, drain = cancel, refused = 5)]
async fn cancelled_only() -> u8 {
    std::future::pending().await
}

#[tokio::test]
async fn every_kind_answers_and_runs_nothing() {
    let main = async {
        let waiting = tokio::spawn(async {
            tokio::join!(cancelled(), cancelled_later(), cancelled_only(), Service.wait())
        });
        tokio::task::yield_now().await;
        lifecycle::shutdown(Reason::requested("a test"));
        lifecycle::draining().await;

        assert_eq!(sync(1).unwrap_err().0.site(), "macros_refused::sync");
        let refused = asynchronous().await.unwrap_err().0;
        assert_eq!((refused.site(), refused.ran()), ("the async one", false));
        assert_eq!(refused.location().file(), file!());
        assert!(Refused::find_in(&*boxed_error().await.unwrap_err()).is_some());
        assert_eq!(maybe().await, None);
        assert_eq!(by_closure(), "macros_refused::by_closure".len());
        assert_eq!(by_path().await, "busy: false");
        assert!(future().await.is_err());
        assert!(pinned().await.is_err());
        assert_eq!(boxed(&1).await, 7);
        let items: Vec<_> = items().collect().await;
        assert!(matches!(items[..], [Err(_)]), "{items:?}");
        assert_eq!(boxed_items().collect::<Vec<_>>().await, [9]);
        assert!(instrumented(1).await.is_err());
        Service.owned();
        assert!(Service.handle().await.is_err());
        assert_eq!(RAN.load(SeqCst), 0, "a refused call ran");

        assert_eq!(always().await, 1);
        assert_eq!(RAN.load(SeqCst), 2);
        assert!(always_sync());
        assert!(always_future().await);

        let (at_once, later, only, method) = waiting.await.unwrap();
        assert!(at_once.unwrap_err().ran());
        assert_eq!(later, "busy: true");
        assert_eq!(only, 5);
        assert!(method.unwrap_err().ran());
    };
    let report = Config::new().signals([]).grace_period(Duration::from_secs(20)).run(main).await;
    assert!(report.is_clean(), "{report}");
}
