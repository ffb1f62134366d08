//! The atomics that the counting of calls and the guard's deadline are made of, by one name, so that
//! their models can put their own in their place (`tests/models`, `armed_tests`).

pub(crate) use std::sync::atomic::{
    AtomicPtr, AtomicU64, AtomicUsize, Ordering, compiler_fence, fence,
};
