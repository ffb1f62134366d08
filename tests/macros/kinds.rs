//! Every kind of function that `#[tracked]` takes, while calls are admitted.

#![allow(clippy::unused_async)]

use std::{future::Future, marker::PhantomData, pin::Pin};

use futures_core::{Stream, future::BoxFuture, stream::BoxStream};
use futures_util::{StreamExt, stream};
use lifecycle::{Refused, tracked};

type Answer<T> = Result<T, Refused>;

#[tracked]
fn plain(text: &str, (a, b): (usize, usize), _: String, mut c: usize) -> Answer<usize> {
    c += 1;
    if a == 0 {
        return Ok(0);
    }
    Ok(text.len() + a + b + c)
}

#[tracked]
async fn asynchronous(
    text: &str,
    (a, b): (usize, usize),
    _: String,
    mut c: usize,
) -> Answer<usize> {
    tokio::task::yield_now().await;
    c += 1;
    if a == 0 {
        return Ok(0);
    }
    Ok(text.len() + a + b + c)
}

#[tracked]
async fn borrows<'a>(one: &'a str, _other: &str) -> Answer<&'a str> {
    Ok(one)
}

#[tracked]
async fn generic<T, const N: usize>(value: T) -> Answer<[T; N]>
where
    T: Clone + Send,
{
    Ok(std::array::from_fn(|_| value.clone()))
}

#[tracked]
async fn hidden_inside(n: u8) -> Result<impl Iterator<Item = u8>, Refused> {
    Ok(0..n)
}

#[tracked(refused = None)]
fn maybe(n: u8) -> Option<u8> {
    n.checked_sub(1)
}

#[tracked(refused = |refused| refused.to_string())]
async fn by_closure() -> String {
    "ran".to_owned()
}

fn busy(_: Refused) -> &'static str {
    "busy"
}

#[tracked(refused = busy)]
fn by_path() -> &'static str {
    "ran"
}

#[tracked(refused = Err)]
fn by_constructor() -> Answer<u8> {
    Ok(1)
}

const FULL: u8 = 255;

#[tracked(refused = FULL)]
async fn by_constant() -> u8 {
    1
}

#[tracked(refused = Default::default())]
async fn by_inference() -> Vec<u8> {
    vec![1]
}

#[tracked(admit = always)]
async fn always() {}

#[tracked(admit = always)]
fn always_hidden() -> impl Iterator<Item = u8> {
    0..3
}

#[tracked(admit = always)]
async fn for_ever() -> ! {
    std::future::pending().await
}

#[tracked(admit = always)]
fn panics(_: u8) -> ! {
    panic!("as it should")
}

#[tracked(refused = 0)]
unsafe fn with_contract(n: u8) -> u8 {
    n
}

#[tracked(refused = 0)]
extern "C" fn foreign(n: u8) -> u8 {
    n
}

#[tracked(drain = cancel)]
async fn cancel(n: u8) -> Answer<u8> {
    Ok(n)
}

#[tracked(drain = cancel_after("10s"), name = "slow", refused = 0)]
async fn cancel_after(n: u8) -> u8 {
    n
}

#[tracked(drain = cancel, admit = always)]
async fn cancel_always(n: u8) -> Answer<u8> {
    Ok(n)
}

#[tracked]
fn future(n: &u8) -> impl Future<Output = Answer<u8>> + Send {
    let n = *n;
    async move { Ok(n) }
}

#[tracked]
fn pinned<'a>(n: &'a u8) -> Pin<Box<dyn Future<Output = Answer<u8>> + Send + 'a>> {
    if *n == 0 {
        return Box::pin(async { Ok(0) });
    }
    Box::pin(async move { Ok(*n) })
}

#[tracked]
fn boxed(n: &u8) -> BoxFuture<'_, Answer<u8>> {
    Box::pin(async move { Ok(*n) })
}

#[tracked]
fn items(n: u8) -> impl Stream<Item = Answer<u8>> {
    stream::iter(0..n).map(Ok)
}

#[tracked(refused = 99)]
fn boxed_items<'a>(n: &'a u8) -> BoxStream<'a, u8> {
    stream::iter(0..*n).boxed()
}

#[tracked(admit = always)]
fn always_future(n: u8) -> impl Future<Output = u8> {
    async move { n }
}

#[tracked(crate = lifecycle, refused = 0)]
fn other_path(n: u8) -> u8 {
    n
}

#[tracked(crate = "lifecycle", refused = 0)]
fn other_path_as_text(n: u8) -> u8 {
    n
}

struct Service<T>(u8, PhantomData<T>);

#[allow(dead_code)]
trait Handle {
    async fn handle(&self, n: u8) -> Answer<u8>;
    fn handle_sync(&mut self) -> Answer<u8>;

    #[tracked]
    async fn by_default(&self) -> Answer<u8>
    where
        Self: Sized,
    {
        self.handle(1).await
    }
}

impl<T> Handle for Service<T> {
    #[tracked]
    async fn handle(&self, n: u8) -> Answer<u8> {
        Ok(self.0 + n)
    }

    #[tracked]
    fn handle_sync(&mut self) -> Answer<u8> {
        self.0 += 1;
        Ok(self.0)
    }
}

impl<T> Service<T> {
    #[tracked]
    fn own(mut self, _: u8) -> Answer<Self> {
        self.0 += 1;
        Ok(self)
    }

    #[tracked]
    async fn own_async(mut self, n: u8) -> Answer<Self> {
        self.0 += n;
        Ok(self)
    }

    #[tracked]
    fn boxed(self: Box<Self>) -> Answer<u8> {
        Ok(self.0)
    }

    #[tracked]
    async fn map<U>(&mut self, value: U, f: impl FnOnce(U) -> u8) -> Answer<&T>
    where
        T: Default + 'static,
    {
        self.0 = f(value);
        Err(Refused::find_in(&std::fmt::Error).cloned().expect("none is there"))
    }
}

#[tracked]
async fn recursive(n: u8) -> Answer<u8> {
    if n == 0 { Ok(0) } else { Ok(Box::pin(recursive(n - 1)).await? + 1) }
}

fn send<T: Send>(value: T) -> T {
    value
}

#[tokio::test]
async fn all_kinds_answer_as_without_the_attribute() {
    assert_eq!(plain("abc", (1, 2), String::new(), 3), Ok(10));
    assert_eq!(plain("abc", (0, 2), String::new(), 3), Ok(0));
    assert_eq!(send(asynchronous("abc", (1, 2), String::new(), 3)).await, Ok(10));
    assert_eq!(asynchronous("abc", (0, 2), String::new(), 3).await, Ok(0));
    assert_eq!(borrows("one", "other").await, Ok("one"));
    assert_eq!(generic::<_, 2>('x').await, Ok(['x', 'x']));
    assert_eq!(hidden_inside(3).await.unwrap().count(), 3);
    assert_eq!(maybe(1), Some(0));
    assert_eq!(by_closure().await, "ran");
    assert_eq!(by_path(), "ran");
    assert_eq!(by_constructor(), Ok(1));
    assert_eq!(by_constant().await, 1);
    assert_eq!(by_inference().await, [1]);
    always().await;
    assert_eq!(always_hidden().count(), 3);
    assert_eq!(cancel(1).await, Ok(1));
    assert_eq!(cancel_after(1).await, 1);
    assert_eq!(cancel_always(1).await, Ok(1));
    assert_eq!(future(&1).await, Ok(1));
    assert_eq!(send(pinned(&0)).await, Ok(0));
    assert_eq!(pinned(&1).await, Ok(1));
    assert_eq!(boxed(&1).await, Ok(1));
    assert_eq!(items(2).collect::<Vec<_>>().await, [Ok(0), Ok(1)]);
    assert_eq!(boxed_items(&2).collect::<Vec<_>>().await, [0, 1]);
    assert_eq!(always_future(1).await, 1);
    assert_eq!(other_path(1) + other_path_as_text(1), 2);
    assert_eq!(recursive(10).await, Ok(10));
    drop(for_ever());
    assert_eq!(foreign(1), 1);
    assert!(std::panic::catch_unwind(|| panics(1)).is_err());
    let _: unsafe fn(u8) -> u8 = with_contract;
}

#[tokio::test]
async fn methods_answer_as_without_the_attribute() {
    let mut service = Service(1, PhantomData::<u8>);
    assert_eq!(send(service.handle(1)).await, Ok(2));
    assert_eq!(service.by_default().await, Ok(2));
    assert_eq!(service.handle_sync(), Ok(2));
    let service = service.own(0).unwrap().own_async(1).await.unwrap();
    assert_eq!(Box::new(service).boxed(), Ok(4));
    let mut service = Service(1, PhantomData::<u8>);
    drop(service.map("abc", |text| u8::try_from(text.len()).unwrap()));
}
