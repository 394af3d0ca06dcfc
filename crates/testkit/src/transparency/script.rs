//! What both sides of a case do, and what each of them saw.

use std::net::SocketAddr;
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use crate::wire::{CHANNEL, Conn, DEADLINE, Head, Payload, listen};

/// Stands in a request's head for the path under which its receiver has the upstream.
const PREFIX: &[u8] = b"{P}";
/// Stands in a request's head for its receiver's address.
const HOST: &[u8] = b"{H}";

/// One step of one side.
#[derive(Debug, Clone)]
pub enum Step {
    /// Writes a request's head and what follows it, [`PREFIX`] and [`HOST`] filled in.
    Request(Vec<u8>),
    /// Writes bytes.
    Send(Vec<u8>),
    /// Reads a head.
    Head,
    /// Reads the body behind the last head.
    Body,
    /// Reads an answer, with the informational ones before it.
    Answer,
    /// Reads so many bytes.
    Take(usize),
    /// Reads until the end.
    Rest,
    /// Reads until the end what nobody compares: how much of a broken-off upload arrives is a matter of time.
    Drain,
    /// Says that nothing more comes.
    Shut,
    /// Closes.
    Close,
}

/// What one side saw.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Item {
    /// A start line with its headers.
    Head(Head),
    /// A body.
    Body(Payload),
    /// Bytes past HTTP.
    Bytes(Vec<u8>),
    /// What should have come did not.
    Missing(&'static str),
}

/// What both sides saw of one case.
#[derive(Debug, Default)]
pub struct Seen {
    /// The client.
    pub client: Vec<Item>,
    /// The upstream, one entry an exchange.
    pub upstream: Vec<Vec<Item>>,
    /// On how many connections the exchanges came.
    pub connections: usize,
}

/// Plays `steps` on a connection; ends early when something is missing. True when the connection goes on.
pub(super) fn play(conn: &mut Conn, steps: &[Step], prefix: &str, host: &str) -> (Vec<Item>, bool) {
    let (mut items, mut method, mut last) = (Vec::new(), String::new(), None);
    for step in steps {
        match step {
            Step::Request(bytes) => {
                let bytes = filled(bytes, prefix, host);
                Head::parse(&bytes[..bytes.len().min(32)]).method().clone_into(&mut method);
                conn.send(&bytes);
            }
            Step::Send(bytes) => conn.send(bytes),
            Step::Head => match conn.head() {
                Some(head) => items.push(Item::Head(last.insert(head).clone())),
                None => items.push(missing(conn, "a head")),
            },
            Step::Body => match &last {
                Some(head) => items.push(Item::Body(conn.payload(head, false))),
                None => items.push(Item::Missing("a head before the body")),
            },
            Step::Answer => answer(conn, &method, &mut items),
            Step::Take(len) => match conn.take(*len) {
                Some(bytes) => items.push(Item::Bytes(bytes)),
                None => items.push(missing(conn, "bytes")),
            },
            Step::Rest => {
                while conn.fill() {}
                items.push(Item::Bytes(std::mem::take(&mut conn.buf)));
                if conn.late {
                    items.push(Item::Missing("the end, in time"));
                }
            }
            Step::Drain => {
                while conn.fill() {
                    conn.buf.clear();
                }
            }
            Step::Shut => conn.stream.shut_write(),
            Step::Close => return (items, false),
        }
        if matches!(items.last(), Some(Item::Missing(_))) {
            return (items, false);
        }
    }
    let goes_on = !steps.iter().any(|step| matches!(step, Step::Rest | Step::Drain | Step::Shut));
    (items, goes_on)
}

fn answer(conn: &mut Conn, method: &str, items: &mut Vec<Item>) {
    loop {
        let Some(head) = conn.head() else {
            items.push(missing(conn, "an answer"));
            return;
        };
        let status = head.status();
        items.push(Item::Head(head.clone()));
        if status == 101 || status >= 200 {
            if status != 101 {
                items.push(Item::Body(conn.answer_payload(&head, method)));
            }
            return;
        }
    }
}

fn missing(conn: &Conn, what: &'static str) -> Item {
    Item::Missing(if conn.late { "anything, in time" } else { what })
}

fn filled(bytes: &[u8], prefix: &str, host: &str) -> Vec<u8> {
    let end = bytes.windows(4).position(|window| window == b"\r\n\r\n").unwrap_or(bytes.len());
    let (mut out, mut at) = (Vec::with_capacity(bytes.len() + prefix.len() + host.len()), 0);
    while at < end {
        if bytes[at..].starts_with(PREFIX) {
            out.extend(prefix.as_bytes());
            at += PREFIX.len();
        } else if bytes[at..].starts_with(HOST) {
            out.extend(host.as_bytes());
            at += HOST.len();
        } else {
            out.push(bytes[at]);
            at += 1;
        }
    }
    out.extend_from_slice(&bytes[end..]);
    out
}

/// An upstream whose connections play the script of the moment, one round an exchange.
pub struct Stage {
    addr: SocketAddr,
    script: Arc<Mutex<Arc<[Step]>>>,
    played: Receiver<(usize, Vec<Item>)>,
}

impl Stage {
    /// Begins to listen. Errors when it cannot.
    pub fn new() -> std::io::Result<Self> {
        let script = Arc::new(Mutex::new(Arc::from([])));
        let (sender, played) = sync_channel(CHANNEL);
        let scripts = Arc::clone(&script);
        let addr = listen(move |number, conn| serve(number, conn, &scripts, &sender))?;
        Ok(Self { addr, script, played })
    }

    /// Where it listens.
    pub fn addr(&self) -> SocketAddr {
        self.addr
    }

    /// From now on connections play `steps`. What was played before is forgotten.
    pub(super) fn set(&self, steps: &[Step]) {
        *self.script.lock().unwrap_or_else(PoisonError::into_inner) = Arc::from(steps);
        while self.played.try_recv().is_ok() {}
    }

    /// What it saw of the next `count` exchanges, and on how many connections.
    pub(super) fn seen(&self, count: usize) -> (Vec<Vec<Item>>, usize) {
        let (mut all, mut connections) = (Vec::new(), Vec::new());
        while let Ok((number, items)) =
            self.played.recv_timeout(if all.len() < count { DEADLINE } else { Duration::ZERO })
        {
            all.push(items);
            connections.push(number);
        }
        connections.sort_unstable();
        connections.dedup();
        (all, connections.len())
    }
}

fn serve(number: usize, mut conn: Conn, scripts: &Mutex<Arc<[Step]>>, played: &SyncSender<(usize, Vec<Item>)>) {
    loop {
        while conn.buf.is_empty() {
            // A connection may wait for its next exchange as long as it likes.
            if !conn.fill() && !std::mem::take(&mut conn.late) {
                return;
            }
        }
        let script = Arc::clone(&scripts.lock().unwrap_or_else(PoisonError::into_inner));
        let (items, goes_on) = play(&mut conn, &script, "", "");
        // Closed before it is told: what comes next must find it closed.
        let kept = goes_on.then_some(conn);
        if played.send((number, items)).is_err() {
            return;
        }
        match kept {
            Some(kept) => conn = kept,
            None => return,
        }
    }
}
