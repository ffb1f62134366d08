//! The atomics that the counting of calls is made of, by one name, so that its models can put their
//! own in their place (`tests/models`).

pub(crate) use std::sync::atomic::{
    AtomicPtr, AtomicU64, AtomicUsize, Ordering, compiler_fence, fence,
};
