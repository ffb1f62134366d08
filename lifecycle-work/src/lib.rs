#![doc = include_str!("../README.md")]

mod source;

pub use self::source::{ClassedBy, Source, SourceError};
