//! What may differ between the two ways, and whether anything else does.

use std::collections::BTreeSet;

use super::script::{Item, Seen};
use crate::wire::{Head, Payload};

/// A difference that is allowed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Rule {
    /// Headers that belong to one connection.
    HopByHop,
    /// Headers meant for Ursa.
    Own,
    /// The order of headers with different names.
    Order,
    /// How a body of unknown length is framed.
    Framing,
    /// The version of the protocol.
    Version,
    /// Informational answers.
    Informational,
    /// Trailers that nobody asked for, and their case.
    Trailers,
    /// What HTTP/2 has no way to say.
    Http2,
}

/// Every rule: its letter in the table, and what it says.
pub const RULES: &[(Rule, char, &str)] = &[
    (
        Rule::HopByHop,
        'a',
        "headers of one connection (`connection` and what it lists, `keep-alive`, `proxy-connection`, `te` but for \
         `trailers`, `upgrade` outside an upgrade) end with that connection, as RFC 9110, 7.6.1 asks of a proxy",
    ),
    (Rule::Own, 'b', "`x-ursa-*`, which a client sends for Ursa, does not go upstream"),
    (
        Rule::Order,
        'c',
        "over HTTP/2 headers with different names may change places; those of one name keep their order (RFC 9110, 5.3)",
    ),
    (Rule::Framing, 'd', "a body that ended with its connection comes in chunks"),
    (Rule::Version, 'f', "the upstream is asked in HTTP/1.1, whatever the client speaks"),
    (Rule::Informational, 'g', "over HTTP/2 informational answers (102, 103) are not passed on; the answer itself is"),
    (
        Rule::Trailers,
        'h',
        "over HTTP/2 names of trailers come in lower case, and those of an answer only if the client said `te: trailers` \
         (RFC 9110, 6.5)",
    ),
    (
        Rule::Http2,
        'i',
        "in HTTP/2 names are in lower case, there is no reason phrase, and `cookie` may come in pieces, which are joined \
         (RFC 9113, 8.2)",
    ),
];

/// What a comparison found.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Outcome {
    /// Allowed differences that showed.
    pub allowed: BTreeSet<Rule>,
    /// All others, in words.
    pub differences: Vec<String>,
}

impl Outcome {
    /// Adds what another comparison found.
    pub fn add(&mut self, other: Self) {
        self.allowed.extend(other.allowed);
        self.differences.extend(other.differences);
    }

    fn differs(&mut self, place: &str, direct: impl std::fmt::Debug, through: impl std::fmt::Debug) {
        self.differences.push(format!("{place}: {} directly, {} through Ursa", short(&direct), short(&through)));
    }
}

/// Whose side an item is of.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Side {
    Request,
    Answer,
}

/// Compares what was seen directly with what was seen through Ursa; `http2` when the client spoke it to Ursa.
pub(super) fn compare(direct: &Seen, through: &Seen, http2: bool) -> Outcome {
    let mut outcome = Outcome::default();
    if direct.connections != through.connections {
        outcome.differs("upstream connections", direct.connections, through.connections);
    }
    if direct.upstream.len() != through.upstream.len() {
        outcome.differs("exchanges upstream", direct.upstream.len(), through.upstream.len());
    }
    let requests = direct.upstream.iter().filter_map(|items| items.first());
    let asks = requests
        .into_iter()
        .any(|item| matches!(item, Item::Head(head) if listed(head, "te").contains(&"trailers".to_owned())));
    for (direct, through) in direct.upstream.iter().zip(&through.upstream) {
        items(&mut outcome, Side::Request, asks, (direct, through), http2);
    }
    let is_passed = |item: &&Item| match item {
        Item::Head(head) => !matches!(head.status(), 102..=199),
        _ => true,
    };
    let (told, heard): (Vec<_>, Vec<_>) =
        (direct.client.iter().filter(is_passed).collect(), through.client.iter().filter(is_passed).collect());
    if http2 && direct.client.len() - told.len() > through.client.len() - heard.len() {
        outcome.allowed.insert(Rule::Informational);
        let (told, heard): (Vec<Item>, Vec<Item>) =
            (told.into_iter().cloned().collect(), heard.into_iter().cloned().collect());
        items(&mut outcome, Side::Answer, asks, (&told, &heard), http2);
    } else {
        items(&mut outcome, Side::Answer, asks, (&direct.client, &through.client), http2);
    }
    outcome
}

/// `asks` is whether the client said `te: trailers`.
fn items(outcome: &mut Outcome, side: Side, asks: bool, (direct, through): (&[Item], &[Item]), http2: bool) {
    let place = if side == Side::Request { "request" } else { "answer" };
    if direct.len() != through.len() {
        return outcome.differs(place, direct, through);
    }
    let mut announced = Vec::new();
    for pair in direct.iter().zip(through) {
        match pair {
            (Item::Head(direct), Item::Head(through)) => {
                announced = listed(direct, "trailer");
                if side == Side::Answer && !asks {
                    announced.clear();
                }
                heads(outcome, side, direct, through, http2);
            }
            (Item::Body(direct), Item::Body(through)) => {
                bodies(outcome, place, http2.then_some(&announced), direct, through);
            }
            (Item::Missing(what), _) | (_, Item::Missing(what)) => {
                outcome.differences.push(format!("{place}: {what} did not come"));
            }
            (direct, through) if direct != through => outcome.differs(place, direct, through),
            _ => {}
        }
    }
}

fn bodies(outcome: &mut Outcome, place: &str, announced: Option<&Vec<String>>, direct: &Payload, through: &Payload) {
    if direct.bytes != through.bytes {
        let at = direct.bytes.iter().zip(&through.bytes).position(|(one, other)| one != other);
        let at = at.unwrap_or(direct.bytes.len().min(through.bytes.len()));
        let lengths = (direct.bytes.len(), through.bytes.len());
        outcome.differences.push(format!("{place}: bodies of {lengths:?} bytes differ from byte {at}"));
    }
    if direct.whole != through.whole {
        outcome.differs(&format!("{place}, whole"), direct.whole, through.whole);
    }
    trailers(outcome, place, announced, &direct.trailers, &through.trailers);
}

/// Trailers that were announced to someone who wants them have to come; what comes has to have been sent.
/// `announced` is there only for HTTP/2: over HTTP/1 all pass as they came.
fn trailers(outcome: &mut Outcome, place: &str, announced: Option<&Vec<String>>, direct: &Headers, through: &Headers) {
    if direct == through {
        return;
    }
    let Some(announced) = announced else { return outcome.differs(&format!("{place}, trailers"), direct, through) };
    let (told, heard) = (lower(direct), lower(through));
    let is_due = |header: &&(String, String)| announced.contains(&header.0) || heard.contains(header);
    if told.iter().filter(is_due).eq(heard.iter()) {
        outcome.allowed.insert(Rule::Trailers);
    } else {
        outcome.differs(&format!("{place}, trailers"), told, heard);
    }
}

fn heads(outcome: &mut Outcome, side: Side, direct: &Head, through: &Head, http2: bool) {
    starts(outcome, side, &direct.start, &through.start, http2);
    let place = if side == Side::Request { "request headers" } else { "answer headers" };
    // The client of an HTTP/2 exchange saw no header of the connection, and no name in its own case.
    let (mut told, mut heard) = (direct.headers.clone(), through.headers.clone());
    let upgrade = direct.status() == 101 || (side == Side::Request && through.get("upgrade").is_some());
    if !(upgrade && told == heard) {
        let listed = listed(direct, "connection");
        let (ours, theirs) = (connection_headers(&mut told, &listed), connection_headers(&mut heard, &listed));
        if !upgrade && ours.len() + theirs.len() > 0 && ours != theirs {
            outcome.allowed.insert(Rule::HopByHop);
        } else if upgrade && lower(&ours) != lower(&theirs) {
            outcome.differs(place, ours, theirs);
        }
        if framing(direct) != framing(through) && !http2 {
            outcome.allowed.insert(Rule::Framing);
        }
    }
    if side == Side::Request && remove(&mut told, |name| name.starts_with("x-ursa-")) {
        outcome.allowed.insert(Rule::Own);
    }
    if http2 {
        let before = told.clone();
        (told, heard) = (joined_cookies(&lower(&told)), joined_cookies(&lower(&heard)));
        if told != before {
            outcome.allowed.insert(Rule::Http2);
        }
    }
    if told == heard {
        return;
    }
    let (by_name, theirs) = (sorted(&told), sorted(&heard));
    if http2 && by_name == theirs {
        outcome.allowed.insert(Rule::Order);
        return;
    }
    let gone: Vec<_> = by_name.iter().filter(|header| !theirs.contains(header)).collect();
    let new: Vec<_> = theirs.iter().filter(|header| !by_name.contains(header)).collect();
    outcome.differs(place, gone, new);
}

fn starts(outcome: &mut Outcome, side: Side, direct: &str, through: &str, http2: bool) {
    if direct == through {
        return;
    }
    let without_version = |start: &str| match side {
        Side::Request => start.rsplit_once(' ').map(|(rest, _)| rest.to_owned()),
        Side::Answer => start.split_once(' ').map(|(_, rest)| rest.to_owned()),
    };
    let status = |start: &str| start.split(' ').nth(1).map(str::to_owned);
    if without_version(direct) == without_version(through) {
        outcome.allowed.insert(Rule::Version);
    } else if http2 && side == Side::Answer && status(direct) == status(through) {
        outcome.allowed.insert(Rule::Http2);
    } else {
        outcome.differs("start line", direct, through);
    }
}

type Headers = Vec<(String, String)>;

fn is(name: &str, known: &str) -> bool {
    name.eq_ignore_ascii_case(known)
}

/// What a header lists, in lower case.
fn listed(head: &Head, header: &str) -> Vec<String> {
    let values = head.headers.iter().filter(|(name, _)| is(name, header));
    values.flat_map(|(_, value)| value.split(',')).map(|name| name.trim().to_ascii_lowercase()).collect()
}

/// Takes out what belongs to the connection. `te: trailers` asks for something of the answer, and stays.
fn connection_headers(headers: &mut Headers, listed: &[String]) -> Headers {
    let known = ["connection", "keep-alive", "proxy-connection", "upgrade", "transfer-encoding", "te"];
    let (mut gone, mut kept) = (Vec::new(), Vec::new());
    for (name, value) in headers.drain(..) {
        let lower = name.to_ascii_lowercase();
        let trailers = lower == "te" && value.split(',').any(|part| is(part.trim(), "trailers"));
        let framing = lower == "transfer-encoding";
        if trailers {
            if !is(&value, "trailers") {
                gone.push((name.clone(), value));
            }
            kept.push((name, "trailers".to_owned()));
        } else if known.contains(&lower.as_str()) || listed.contains(&lower) {
            // How the body is framed has a rule of its own.
            gone.extend((!framing).then_some((name, value)));
        } else {
            kept.push((name, value));
        }
    }
    *headers = kept;
    gone
}

fn framing(head: &Head) -> bool {
    head.get("transfer-encoding").is_some()
}

fn remove(headers: &mut Headers, unwanted: impl Fn(&str) -> bool) -> bool {
    let before = headers.len();
    headers.retain(|(name, _)| !unwanted(&name.to_ascii_lowercase()));
    headers.len() < before
}

fn lower(headers: &Headers) -> Headers {
    headers.iter().map(|(name, value)| (name.to_ascii_lowercase(), value.clone())).collect()
}

fn joined_cookies(headers: &Headers) -> Headers {
    let cookies: Vec<&str> =
        headers.iter().filter(|(name, _)| name == "cookie").map(|(_, value)| value.as_str()).collect();
    let joined = cookies.join("; ");
    let mut rest: Headers = headers.iter().filter(|(name, _)| name != "cookie").cloned().collect();
    if !joined.is_empty() {
        rest.push(("cookie".to_owned(), joined));
    }
    rest
}

/// By name, those of one name in their order.
fn sorted(headers: &Headers) -> Headers {
    let mut headers = headers.clone();
    headers.sort_by_key(|(name, _)| name.to_ascii_lowercase());
    headers
}

/// Enough of it to know what it is.
fn short(what: &impl std::fmt::Debug) -> String {
    const SHOWN_CHARS: usize = 400;
    let text = format!("{what:?}");
    if text.chars().count() <= SHOWN_CHARS {
        text
    } else {
        text.chars().take(SHOWN_CHARS).chain("…".chars()).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const REQUEST: &str = "POST /a?b HTTP/1.1\r\nX-A: 1\r\nHost: h\r\nx-a: 2\r\nTE: trailers\r\nTrailer: X-Sum";
    const ANSWER: &str = "HTTP/1.1 200 Fine\r\nSet-Cookie: a\r\nX-B: b\r\nset-cookie: c";

    fn seen(request: &str, answer: &str, body: &str, trailer: &str) -> Seen {
        let head = |text: &str| Item::Head(Head::parse(text.as_bytes()));
        let trailers = vec![(trailer.to_owned(), "1".to_owned())];
        let payload = Payload { bytes: body.into(), trailers, whole: true };
        Seen {
            client: vec![head(answer), Item::Body(payload.clone())],
            upstream: vec![vec![head(request), Item::Body(payload)]],
            connections: 1,
        }
    }

    fn told(through: &Seen) -> Outcome {
        compare(&seen(REQUEST, ANSWER, "body", "X-Sum"), through, false)
    }

    #[test]
    fn the_same_is_the_same() {
        assert_eq!(told(&seen(REQUEST, ANSWER, "body", "X-Sum")), Outcome::default());
    }

    #[test]
    fn every_change_of_a_byte_is_told() {
        for (from, to) in [
            ("POST", "PUT"),
            ("/a?b", "/a"),
            ("X-A: 1", "X-A: 3"),
            ("X-A", "X-a"),
            ("Host: h", "Host: i"),
            ("\r\nx-a: 2", ""),
            ("TE: trailers\r\n", ""),
            ("1\r\nHost", "1\r\nX-New: 1\r\nHost"),
            ("X-A: 1\r\nHost: h\r\nx-a: 2", "x-a: 2\r\nHost: h\r\nX-A: 1"),
        ] {
            assert!(REQUEST.contains(from), "{from}");
            let through = seen(&REQUEST.replacen(from, to, 1), ANSWER, "body", "X-Sum");
            assert_eq!(told(&through).differences.len(), 1, "{from}");
        }
        for (from, to) in [("200", "201"), ("Fine", "OK"), ("cookie: c", "cookie: d"), ("\r\nX-B: b", "")] {
            let through = seen(REQUEST, &ANSWER.replacen(from, to, 1), "body", "X-Sum");
            assert_eq!(told(&through).differences.len(), 1, "{from}");
        }
        assert_eq!(told(&seen(REQUEST, ANSWER, "bodY", "X-Sum")).differences.len(), 2);
        assert_eq!(told(&seen(REQUEST, ANSWER, "body", "X-Gone")).differences.len(), 2);
    }

    #[test]
    fn what_is_missing_broken_or_too_much_is_told() {
        let through = || seen(REQUEST, ANSWER, "body", "X-Sum");
        assert_eq!(told(&Seen { connections: 2, ..through() }).differences.len(), 1);
        assert_eq!(told(&Seen { upstream: Vec::new(), ..through() }).differences.len(), 1);
        assert_eq!(told(&Seen { client: vec![Item::Missing("an answer")], ..through() }).differences.len(), 1);
        let mut cut = through();
        if let Item::Body(payload) = &mut cut.client[1] {
            payload.whole = false;
        }
        assert_eq!(told(&cut).differences.len(), 1);
    }

    #[test]
    fn only_what_a_rule_says_is_allowed() {
        let allowed = |through: &Seen| {
            let outcome = told(through);
            assert!(outcome.differences.is_empty(), "{:?}", outcome.differences);
            outcome.allowed.into_iter().collect::<Vec<_>>()
        };
        let kept_alive = REQUEST.to_owned() + "\r\nConnection: keep-alive";
        assert_eq!(allowed(&seen(&kept_alive, ANSWER, "body", "X-Sum")), [Rule::HopByHop]);
        let chunked = ANSWER.to_owned() + "\r\nTransfer-Encoding: chunked";
        assert_eq!(allowed(&seen(REQUEST, &chunked, "body", "X-Sum")), [Rule::Framing]);
    }

    #[test]
    fn what_http2_cannot_say_is_allowed_there_and_nowhere_else() {
        let moved = REQUEST.replacen("\r\nHost: h", "", 1) + "\r\nHost: h";
        let early = "HTTP/1.1 103 Early Hints";
        let direct = seen(REQUEST, ANSWER, "body", "X-Sum");
        let hinted = {
            let mut hinted = seen(REQUEST, ANSWER, "body", "X-Sum");
            hinted.client.insert(0, Item::Head(Head::parse(early.as_bytes())));
            hinted
        };
        for (direct, through, rule) in [
            (&direct, seen(&moved, ANSWER, "body", "X-Sum"), Rule::Order),
            (&direct, seen(REQUEST, ANSWER, "body", "x-sum"), Rule::Trailers),
            (&hinted, seen(REQUEST, ANSWER, "body", "X-Sum"), Rule::Informational),
        ] {
            let over_http2 = compare(direct, &through, true);
            assert!(over_http2.differences.is_empty() && over_http2.allowed.contains(&rule), "{over_http2:?}");
            assert!(!compare(direct, &through, false).differences.is_empty(), "{rule:?}");
        }
    }
}
