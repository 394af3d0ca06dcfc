//! HTTP/1.1 by hand, for both legs of an exchange (RFC 9112).
//!
//! A general library parses a message and writes a new one. The edge has to pass the one that came: names in their case,
//! lines in their order, chunks where they were cut. So heads are kept as bytes with an index, and a body passes as the
//! bytes that came; its framing is only followed, strictly, to know what is content and where it ends. Reads go into one
//! buffer of the thread, so that a stream that waits costs no buffer at all.

pub mod check;
pub(crate) mod framing;
pub(crate) mod head;
pub(crate) mod wire;
