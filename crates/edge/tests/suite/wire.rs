//! HTTP/1 by hand, from the testkit; what fails here fails the test.

use std::net::SocketAddr;
use std::sync::mpsc::{Receiver, sync_channel};

pub use ursa_testkit::wire::{CHANNEL, Conn, DEADLINE, Head, Payload, Stream, chunked};

/// An upstream that runs `script` for each connection, numbered from 0.
pub fn upstream(script: impl Fn(usize, Conn) + Send + Sync + 'static) -> SocketAddr {
    ursa_testkit::wire::listen(script).unwrap()
}

/// An upstream that answers every request on every connection with the same bytes and passes on what it got.
pub fn answering(response: impl Into<Vec<u8>>) -> (SocketAddr, Receiver<(usize, Head, Payload)>) {
    let response = response.into();
    let (sender, receiver) = sync_channel(CHANNEL);
    let addr = upstream(move |number, mut conn| {
        while let Some((head, payload)) = conn.request() {
            let _ = sender.send((number, head, payload));
            conn.send(&response);
        }
    });
    (addr, receiver)
}
