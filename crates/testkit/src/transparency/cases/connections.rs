//! More than one exchange on a connection, and what comes after HTTP.

use super::{OK, bare, noise, sized};
use crate::transparency::recorded::frame;
use crate::transparency::{Case, Step};

const GROUP: &str = "connections";
const UPGRADE: &str = "Connection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: \
     dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Extensions: permessage-deflate\r\n";
const SWITCHED: &[u8] = b"HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\
    Sec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\nSec-WebSocket-Extensions: permessage-deflate\r\n\r\n";

pub(super) fn cases() -> Vec<Case> {
    let mut all = vec![one_after_the_other(), pipelined(), refused()];
    all.extend(talks());
    all
}

fn answering(name: &str, client: Vec<Step>, exchanges: usize) -> Case {
    let upstream = vec![Step::Head, Step::Body, Step::Send(OK.to_vec())];
    Case { group: GROUP, name: name.to_owned(), client, upstream, exchanges }
}

fn one_after_the_other() -> Case {
    let requests = (0..5).flat_map(|n| [Step::Request(sized("", &noise(n * 1000))), Step::Answer]);
    answering("five exchanges on one connection: upstream on one, too", requests.collect(), 5)
}

fn pipelined() -> Case {
    let requests = (0..3).map(|n| Step::Request(sized("", &noise(n * 10))));
    answering(
        "three requests before the first answer",
        requests.chain(std::iter::repeat_n(Step::Answer, 3)).collect(),
        3,
    )
}

fn refused() -> Case {
    let answer = b"HTTP/1.1 426 Upgrade Required\r\nUpgrade: h3\r\nContent-Length: 2\r\n\r\nno".to_vec();
    let request = bare("GET", "/v1/responses", UPGRADE);
    Case {
        group: GROUP,
        name: "an upgrade that is refused".to_owned(),
        client: vec![Step::Request(request), Step::Answer],
        upstream: vec![Step::Head, Step::Send(answer)],
        exchanges: 1,
    }
}

/// WebSockets: the handshake, then bytes both ways.
fn talks() -> Vec<Case> {
    let text = |masked| frame(0x81, "h\u{e9}llo \u{1f43b}".as_bytes(), masked);
    let pieces = |masked| {
        [frame(0x02, &noise(10), masked), frame(0x89, b"ping", masked), frame(0x80, &noise(5), masked)].concat()
    };
    let large = |masked| frame(0x82, &noise(70_000), masked);
    // Its first reserved bit says that it is compressed; nobody here looks inside.
    let packed = |masked| frame(0xc1, &noise(500), masked);
    let close = |masked| frame(0x88, b"\x03\xe8bye", masked);
    let talk = |name: &str, of: &dyn Fn(bool) -> Vec<u8>| {
        let (up, down) = (of(true), of(false));
        let client = [
            Step::Request(bare("GET", "/v1/responses", UPGRADE)),
            Step::Answer,
            Step::Send(up.clone()),
            Step::Take(down.len()),
            Step::Send(close(true)),
            Step::Shut,
            Step::Rest,
        ];
        let upstream = [
            Step::Head,
            Step::Send(SWITCHED.to_vec()),
            Step::Take(up.len()),
            Step::Send(down),
            Step::Rest,
            Step::Send(close(false)),
            Step::Close,
        ];
        Case { group: GROUP, name: name.to_owned(), client: client.to_vec(), upstream: upstream.to_vec(), exchanges: 1 }
    };
    let mut first = talk("WebSocket: the server speaks first, in one piece with its 101", &text);
    first.upstream[1] = Step::Send([SWITCHED, &text(false)].concat());
    first.upstream.remove(3);
    vec![
        talk("WebSocket: text", &text),
        talk("WebSocket: pieces with a ping between them", &pieces),
        talk("WebSocket: 70 KB", &large),
        talk("WebSocket: compressed", &packed),
        talk("WebSocket: a frame of a reserved kind", &|masked| frame(0x8b, b"?", masked)),
        first,
    ]
}
