//! The same traffic directly and through Ursa: what both sides see is the same, but for what [`RULES`] allow.
//!
//! A [`Case`] is data: what the client does, what the upstream does. [`run`] plays it against a [`Stage`] directly, and
//! through an edge that has the stage for its upstream, and compares what either side saw, byte for byte. The tests of the
//! edge run it against an edge in their own process, `cargo xtask transparency` against the whole program.

mod cases;
mod compare;
mod http2;
mod recorded;
mod report;
mod script;

use std::net::SocketAddr;

pub use cases::generated;
pub use compare::{Outcome, RULES, Rule};
pub use recorded::recorded;
pub use report::{Row, table};
pub use script::{Item, Seen, Stage, Step};

use crate::wire::{Conn, Head};

/// Bytes in which a request's target is looked for.
const START_BYTES: usize = 256;

/// One case.
#[derive(Debug, Clone)]
pub struct Case {
    /// Its heading in the table.
    pub group: &'static str,
    /// Its row in the table. Cases of the same name share one.
    pub name: String,
    /// What the client does, on one connection.
    pub client: Vec<Step>,
    /// What the upstream does for each exchange.
    pub upstream: Vec<Step>,
    /// How many exchanges there are.
    pub exchanges: usize,
}

/// What a case showed.
#[derive(Debug, Clone)]
pub struct Verdict {
    /// With a client that speaks HTTP/1.
    pub http1: Outcome,
    /// With a client that speaks HTTP/2, where the case can be said in it.
    pub http2: Option<Outcome>,
}

/// Names of the upstreams that an edge has to have, all of them the stage.
pub const UPSTREAMS: [&str; 3] = ["anthropic", "openai", "gemini"];

impl Case {
    /// The path of the upstream whose protocol the case speaks, so that Ursa keeps the bodies.
    fn prefix(&self) -> String {
        let Some(Step::Request(request)) = self.client.first() else { return String::new() };
        let start = Head::parse(&request[..request.len().min(START_BYTES)]).start;
        let name = if start.contains("/messages") {
            "anthropic"
        } else if start.contains("/v1beta/") {
            "gemini"
        } else {
            "openai"
        };
        format!("/edge/{name}")
    }
}

/// Plays a case directly and through the edge at `edge`, all of whose [`UPSTREAMS`] are `stage`, and compares. Errors when
/// one of them does not take a connection.
pub fn run(case: &Case, stage: &Stage, edge: SocketAddr) -> std::io::Result<Verdict> {
    let prefix = case.prefix();
    let direct = leg(case, stage, stage.addr(), "", &stage.addr().to_string())?;
    let through = leg(case, stage, edge, &prefix, &edge.to_string())?;
    let http1 = compare::compare(&direct, &through, false);
    let asked = http2::asked(&case.client).filter(|_| case.exchanges == 1);
    let http2 = asked.map(|asked| {
        stage.set(&case.upstream);
        let client = http2::ask(&asked, edge, &prefix);
        let (upstream, connections) = stage.seen(1);
        compare::compare(&direct, &Seen { client, upstream, connections }, true)
    });
    Ok(Verdict { http1, http2 })
}

fn leg(case: &Case, stage: &Stage, to: SocketAddr, prefix: &str, host: &str) -> std::io::Result<Seen> {
    stage.set(&case.upstream);
    let mut conn = Conn::connect(to)?;
    let (client, _) = script::play(&mut conn, &case.client, prefix, host);
    drop(conn);
    let (upstream, connections) = stage.seen(case.exchanges);
    Ok(Seen { client, upstream, connections })
}
