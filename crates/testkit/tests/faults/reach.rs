//! F23: names of upstreams that lead where they must not.

use std::path::Path;

use ursa_testkit::raw_upstream::RawUpstream;
use ursa_testkit::server::ServerOptions;

use crate::support::{Under, can_run, conversation, request};

const OK: &str = "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n{}";

/// A request to an upstream by name: status, and the edge's own code.
async fn ask(under: &Under, upstream: &str) -> (u16, Option<String>) {
    let request = String::from_utf8(request(&conversation(23), "hello")).unwrap();
    let request = request.replace("/edge/anthropic/", &format!("/edge/{upstream}/"));
    let (head, _) = under.exchange(request).await;
    (head.status(), head.get("x-ursa-error").map(str::to_owned))
}

fn forbidden() -> (u16, Option<String>) {
    (502, Some("upstream_forbidden".to_owned()))
}

/// A server with an upstream for each host, named `u0`, `u1`, ….
fn options(dir: &Path, hosts: &[&str], port: u16) -> ServerOptions {
    let mut options = ServerOptions::for_upstream(&dir.join("data"), "http://127.0.0.1:1");
    let named = hosts.iter().enumerate();
    options.upstreams.extend(named.map(|(n, host)| format!("u{n}=anthropic-messages+http://{host}:{port}")));
    options
}

#[tokio::test(flavor = "multi_thread")]
async fn f23_names_that_resolve_to_this_machine_or_a_metadata_service_are_refused() {
    let upstream = RawUpstream::answering(OK).await.unwrap();
    let port = upstream.address().port();
    // The resolver reads these as 127.0.0.1 (four times) and 169.254.169.254 (twice), with no DNS server involved.
    let hosts = ["127.1", "2130706433", "0x7f000001", "0177.0.0.1", "169.254.43518", "0xa9fea9fe"];
    let dir = tempfile::tempdir().unwrap();
    let mut options = options(dir.path(), &hosts, port);
    options.upstreams.push(format!("listed=anthropic-messages+http://127.1:{port}"));
    options.upstreams.push(format!("literal=anthropic-messages+http://127.0.0.1:{port}"));
    options.upstreams.push(format!("localhost=anthropic-messages+http://localhost:{port}"));
    let under = Under::with(options.clone(), dir).await;
    for (number, host) in hosts.iter().enumerate() {
        assert_eq!(ask(&under, &format!("u{number}")).await, forbidden(), "{host}");
    }
    assert_eq!(ask(&under, "listed").await, forbidden());
    assert!(upstream.received().is_empty(), "nothing was sent, not even a connection made");
    assert_eq!(under.counter("edge.upstream_forbidden").await, hosts.len() as u64 + 1);
    assert!(under.server.output().contains("leads where it must not"), "it is told: {}", under.server.output());
    // What the administrator wrote down is his will.
    assert_eq!(ask(&under, "literal").await, (200, None));
    assert_eq!(ask(&under, "localhost").await, (200, None));
    drop(under);

    let dir = tempfile::tempdir().unwrap();
    options.data_dir = dir.path().join("data");
    options.config = Some("[edge]\nlocal_upstreams = [\"listed\"]\n".to_owned());
    let under = Under::with(options, dir).await;
    assert_eq!(ask(&under, "listed").await, (200, None), "an upstream that is said to be local");
}

#[tokio::test(flavor = "multi_thread")]
async fn f23_a_name_that_is_bound_anew_between_requests_is_refused() {
    if !can_run("unshare", &["-m", "mount", "--bind", "/etc/hosts", "/etc/hosts"]) {
        return;
    }
    let upstream = RawUpstream::answering(OK).await.unwrap();
    let dir = tempfile::tempdir().unwrap();
    let hosts = dir.path().join("hosts");
    // TEST-NET-1 leads nowhere: the first request times out or is unreachable, and is not refused.
    std::fs::write(&hosts, "192.0.2.1 models.example\n").unwrap();
    let script = format!("mount --bind {} /etc/hosts && exec \"$@\"", hosts.display());
    let wrapper = ["unshare", "-m", "sh", "-c", &script, "sh"];
    let options = options(dir.path(), &["models.example"], upstream.address().port());
    let under = Under::wrapped(options, dir, &wrapper).await;
    // Written in place: the file that is mounted is the file itself.
    std::fs::write(&hosts, "127.0.0.1 models.example\n").unwrap();
    assert_eq!(ask(&under, "u0").await, forbidden());
    for address in ["::1", "::ffff:169.254.169.254", "0.0.0.0", "fe80::1"] {
        std::fs::write(&hosts, format!("{address} models.example\n")).unwrap();
        assert_eq!(ask(&under, "u0").await, forbidden(), "{address}");
    }
    assert!(upstream.received().is_empty(), "nothing was sent");
}
