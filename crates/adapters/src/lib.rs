//! Everything that is known about one wire protocol ([`wire`]) or one agent ([`agents`]), each in one folder.
//!
//! Pure: bytes in, facts and problems out. Nothing here fails on what an agent or a server sends: what is not understood
//! is kept, counted and said.
//!
//! A request is read in three steps, because who sent it decides whose words a text is and what kind of tool a name
//! means, and who sent it is partly told by the body itself:
//!
//! 1. [`wire::read_request`] reads the body by its protocol alone,
//! 2. [`agents::identify`] says who sent it and what for,
//! 3. [`agents::refine_request`] and [`agents::refine_response`] set what only the agent decides.

pub mod agents;
pub mod body;
pub mod event_stream;
pub mod hooks;
pub mod route;
pub mod tools;
pub mod wire;
