//! What a service says of its life while signals rain on it, and an oracle that says how it has to
//! end.
//!
//! [`mark`] is the language of the child: lines with a time of the clock that parent and child
//! share. [`round`] makes up a life and the signals that come into it, from a seed. [`oracle`]
//! knows the rules of the ladder from the design and nothing of the library: it takes what was sent
//! and what the child said, and gives all the endings that are right. [`tally`] counts. [`voice`]
//! makes the child repeat what the library tells; [`handlers`] asks the system.

pub mod handlers;
pub mod mark;
pub mod oracle;
pub mod round;
pub mod tally;
pub mod voice;
