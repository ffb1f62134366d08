//! Chains of tracked async functions compile at the default recursion limit.
//!
//! How deep depends on which function the compiler meets first, also without the attribute.

/// 30 deep, innermost first.
mod leaf_first {
    use lifecycle::{Refused, tracked};

    #[tracked]
    pub(super) async fn f30() -> Result<u32, Refused> {
        tokio::task::yield_now().await;
        Ok(0)
    }

    #[tracked]
    pub(super) async fn f29() -> Result<u32, Refused> {
        tokio::task::yield_now().await;
        Ok(f30().await? + 1)
    }

    #[tracked]
    pub(super) async fn f28() -> Result<u32, Refused> {
        tokio::task::yield_now().await;
        Ok(f29().await? + 1)
    }

    #[tracked]
    pub(super) async fn f27() -> Result<u32, Refused> {
        tokio::task::yield_now().await;
        Ok(f28().await? + 1)
    }

    #[tracked]
    pub(super) async fn f26() -> Result<u32, Refused> {
        tokio::task::yield_now().await;
        Ok(f27().await? + 1)
    }

    #[tracked]
    pub(super) async fn f25() -> Result<u32, Refused> {
        tokio::task::yield_now().await;
        Ok(f26().await? + 1)
    }

    #[tracked]
    pub(super) async fn f24() -> Result<u32, Refused> {
        tokio::task::yield_now().await;
        Ok(f25().await? + 1)
    }

    #[tracked]
    pub(super) async fn f23() -> Result<u32, Refused> {
        tokio::task::yield_now().await;
        Ok(f24().await? + 1)
    }

    #[tracked]
    pub(super) async fn f22() -> Result<u32, Refused> {
        tokio::task::yield_now().await;
        Ok(f23().await? + 1)
    }

    #[tracked]
    pub(super) async fn f21() -> Result<u32, Refused> {
        tokio::task::yield_now().await;
        Ok(f22().await? + 1)
    }

    #[tracked]
    pub(super) async fn f20() -> Result<u32, Refused> {
        tokio::task::yield_now().await;
        Ok(f21().await? + 1)
    }

    #[tracked]
    pub(super) async fn f19() -> Result<u32, Refused> {
        tokio::task::yield_now().await;
        Ok(f20().await? + 1)
    }

    #[tracked]
    pub(super) async fn f18() -> Result<u32, Refused> {
        tokio::task::yield_now().await;
        Ok(f19().await? + 1)
    }

    #[tracked]
    pub(super) async fn f17() -> Result<u32, Refused> {
        tokio::task::yield_now().await;
        Ok(f18().await? + 1)
    }

    #[tracked]
    pub(super) async fn f16() -> Result<u32, Refused> {
        tokio::task::yield_now().await;
        Ok(f17().await? + 1)
    }

    #[tracked]
    pub(super) async fn f15() -> Result<u32, Refused> {
        tokio::task::yield_now().await;
        Ok(f16().await? + 1)
    }

    #[tracked]
    pub(super) async fn f14() -> Result<u32, Refused> {
        tokio::task::yield_now().await;
        Ok(f15().await? + 1)
    }

    #[tracked]
    pub(super) async fn f13() -> Result<u32, Refused> {
        tokio::task::yield_now().await;
        Ok(f14().await? + 1)
    }

    #[tracked]
    pub(super) async fn f12() -> Result<u32, Refused> {
        tokio::task::yield_now().await;
        Ok(f13().await? + 1)
    }

    #[tracked]
    pub(super) async fn f11() -> Result<u32, Refused> {
        tokio::task::yield_now().await;
        Ok(f12().await? + 1)
    }

    #[tracked]
    pub(super) async fn f10() -> Result<u32, Refused> {
        tokio::task::yield_now().await;
        Ok(f11().await? + 1)
    }

    #[tracked]
    pub(super) async fn f9() -> Result<u32, Refused> {
        tokio::task::yield_now().await;
        Ok(f10().await? + 1)
    }

    #[tracked]
    pub(super) async fn f8() -> Result<u32, Refused> {
        tokio::task::yield_now().await;
        Ok(f9().await? + 1)
    }

    #[tracked]
    pub(super) async fn f7() -> Result<u32, Refused> {
        tokio::task::yield_now().await;
        Ok(f8().await? + 1)
    }

    #[tracked]
    pub(super) async fn f6() -> Result<u32, Refused> {
        tokio::task::yield_now().await;
        Ok(f7().await? + 1)
    }

    #[tracked]
    pub(super) async fn f5() -> Result<u32, Refused> {
        tokio::task::yield_now().await;
        Ok(f6().await? + 1)
    }

    #[tracked]
    pub(super) async fn f4() -> Result<u32, Refused> {
        tokio::task::yield_now().await;
        Ok(f5().await? + 1)
    }

    #[tracked]
    pub(super) async fn f3() -> Result<u32, Refused> {
        tokio::task::yield_now().await;
        Ok(f4().await? + 1)
    }

    #[tracked]
    pub(super) async fn f2() -> Result<u32, Refused> {
        tokio::task::yield_now().await;
        Ok(f3().await? + 1)
    }

    #[tracked]
    pub(super) async fn f1() -> Result<u32, Refused> {
        tokio::task::yield_now().await;
        Ok(f2().await? + 1)
    }
}

/// 25 deep, outermost first.
mod outermost_first {
    use lifecycle::{Refused, tracked};

    #[tracked]
    pub(super) async fn f1() -> Result<u32, Refused> {
        tokio::task::yield_now().await;
        Ok(f2().await? + 1)
    }

    #[tracked]
    pub(super) async fn f2() -> Result<u32, Refused> {
        tokio::task::yield_now().await;
        Ok(f3().await? + 1)
    }

    #[tracked]
    pub(super) async fn f3() -> Result<u32, Refused> {
        tokio::task::yield_now().await;
        Ok(f4().await? + 1)
    }

    #[tracked]
    pub(super) async fn f4() -> Result<u32, Refused> {
        tokio::task::yield_now().await;
        Ok(f5().await? + 1)
    }

    #[tracked]
    pub(super) async fn f5() -> Result<u32, Refused> {
        tokio::task::yield_now().await;
        Ok(f6().await? + 1)
    }

    #[tracked]
    pub(super) async fn f6() -> Result<u32, Refused> {
        tokio::task::yield_now().await;
        Ok(f7().await? + 1)
    }

    #[tracked]
    pub(super) async fn f7() -> Result<u32, Refused> {
        tokio::task::yield_now().await;
        Ok(f8().await? + 1)
    }

    #[tracked]
    pub(super) async fn f8() -> Result<u32, Refused> {
        tokio::task::yield_now().await;
        Ok(f9().await? + 1)
    }

    #[tracked]
    pub(super) async fn f9() -> Result<u32, Refused> {
        tokio::task::yield_now().await;
        Ok(f10().await? + 1)
    }

    #[tracked]
    pub(super) async fn f10() -> Result<u32, Refused> {
        tokio::task::yield_now().await;
        Ok(f11().await? + 1)
    }

    #[tracked]
    pub(super) async fn f11() -> Result<u32, Refused> {
        tokio::task::yield_now().await;
        Ok(f12().await? + 1)
    }

    #[tracked]
    pub(super) async fn f12() -> Result<u32, Refused> {
        tokio::task::yield_now().await;
        Ok(f13().await? + 1)
    }

    #[tracked]
    pub(super) async fn f13() -> Result<u32, Refused> {
        tokio::task::yield_now().await;
        Ok(f14().await? + 1)
    }

    #[tracked]
    pub(super) async fn f14() -> Result<u32, Refused> {
        tokio::task::yield_now().await;
        Ok(f15().await? + 1)
    }

    #[tracked]
    pub(super) async fn f15() -> Result<u32, Refused> {
        tokio::task::yield_now().await;
        Ok(f16().await? + 1)
    }

    #[tracked]
    pub(super) async fn f16() -> Result<u32, Refused> {
        tokio::task::yield_now().await;
        Ok(f17().await? + 1)
    }

    #[tracked]
    pub(super) async fn f17() -> Result<u32, Refused> {
        tokio::task::yield_now().await;
        Ok(f18().await? + 1)
    }

    #[tracked]
    pub(super) async fn f18() -> Result<u32, Refused> {
        tokio::task::yield_now().await;
        Ok(f19().await? + 1)
    }

    #[tracked]
    pub(super) async fn f19() -> Result<u32, Refused> {
        tokio::task::yield_now().await;
        Ok(f20().await? + 1)
    }

    #[tracked]
    pub(super) async fn f20() -> Result<u32, Refused> {
        tokio::task::yield_now().await;
        Ok(f21().await? + 1)
    }

    #[tracked]
    pub(super) async fn f21() -> Result<u32, Refused> {
        tokio::task::yield_now().await;
        Ok(f22().await? + 1)
    }

    #[tracked]
    pub(super) async fn f22() -> Result<u32, Refused> {
        tokio::task::yield_now().await;
        Ok(f23().await? + 1)
    }

    #[tracked]
    pub(super) async fn f23() -> Result<u32, Refused> {
        tokio::task::yield_now().await;
        Ok(f24().await? + 1)
    }

    #[tracked]
    pub(super) async fn f24() -> Result<u32, Refused> {
        tokio::task::yield_now().await;
        Ok(f25().await? + 1)
    }

    #[tracked]
    pub(super) async fn f25() -> Result<u32, Refused> {
        tokio::task::yield_now().await;
        Ok(0)
    }
}

fn send<T: Send>(value: T) -> T {
    value
}

#[tokio::test]
async fn deep_chains_compile_and_run() {
    assert_eq!(tokio::spawn(leaf_first::f1()).await.unwrap(), Ok(29));
    assert_eq!(send(outermost_first::f1()).await, Ok(24));
}
