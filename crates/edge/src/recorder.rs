//! Copies what passes into frames. Knows nothing of HTTP framing and parses nothing.
//!
//! The copy is into a vector of our own, never a clone of hyper's `Bytes`: those would keep a connection's whole read
//! buffer alive for as long as a slow stream lasts.

mod body;
mod exchange;
mod head;
mod id;
pub(crate) mod sink;

pub(crate) use exchange::{Direction, Exchange, Failure, Recording, Waiting};
pub(crate) use head::{AnswerHead, RequestHead};
