//! The attributes of `lifecycle-hooks`.
