//! The vocabulary of Ursa.
//!
//! What an agent did arrives as **captures** (raw bytes seen on one channel), adapters read **observations**
//! (facts, each with where it was seen) out of them, and [`fuse`] joins observations into **events** (each fact once,
//! with its witnesses). [`chain`] tells which part of a resent conversation is new.
//!
//! Nothing here does I/O, knows an async runtime or reads a clock: the same input gives the same output, always.

pub mod capture;
pub mod chain;
pub mod envelope;
pub mod event;
pub mod fuse;
pub mod ids;
pub mod keys;
pub mod message;
pub mod observation;
pub mod outline;
pub mod session;
pub mod shared;
pub mod time;

pub use ids::{ConversationScope, EnvironmentId, EventId, ExchangeId, FactId, SessionId};
pub use shared::Shared;
pub use time::Timestamp;
