#[path = "../../../lifecycle-core/src/admission/lane.rs"]
pub(crate) mod lane;

#[cfg(test)]
#[path = "models.rs"]
mod models;

/// Nothing of it is of consequence to who sees a call.
pub(crate) mod details {
    pub(crate) struct Details;

    impl Details {
        pub(crate) fn new() -> Self {
            Self
        }
    }
}
