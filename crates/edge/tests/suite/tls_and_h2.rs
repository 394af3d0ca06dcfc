//! TLS on both sides, and HTTP/2 clients.

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::path::PathBuf;
use std::sync::Arc;

use bytes::Bytes;
use http::{Request, Version};
use http_body_util::{BodyExt, Full};
use hyper_util::rt::{TokioExecutor, TokioIo};
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer, ServerName};
use ursa_edge::TlsFiles;

use crate::edge_under_test::Under;
use crate::wire::{Conn, Stream, answering, upstream};

const OK: &str = "HTTP/1.1 200 OK\r\nX-Case: Kept\r\nContent-Length: 2\r\n\r\n{}";

struct Pki {
    _dir: tempfile::TempDir,
    cert: PathBuf,
    key: PathBuf,
}

impl Pki {
    fn new() -> Self {
        let made = rcgen::generate_simple_self_signed(vec!["localhost".into()]).unwrap();
        let dir = tempfile::tempdir().unwrap();
        let (cert, key) = (dir.path().join("cert.pem"), dir.path().join("key.pem"));
        std::fs::write(&cert, made.cert.pem()).unwrap();
        std::fs::write(&key, made.signing_key.serialize_pem()).unwrap();
        Self { _dir: dir, cert, key }
    }

    fn files(&self) -> TlsFiles {
        TlsFiles { cert: self.cert.clone(), key: self.key.clone() }
    }

    fn client(&self, alpn: &[&[u8]]) -> Arc<rustls::ClientConfig> {
        let mut roots = rustls::RootCertStore::empty();
        roots.add(CertificateDer::from_pem_file(&self.cert).unwrap()).unwrap();
        let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
        let builder = rustls::ClientConfig::builder_with_provider(provider).with_safe_default_protocol_versions();
        let mut config = builder.unwrap().with_root_certificates(roots).with_no_client_auth();
        config.alpn_protocols = alpn.iter().map(|name| name.to_vec()).collect();
        Arc::new(config)
    }

    /// An upstream that speaks HTTP/1 by hand over TLS.
    fn upstream(&self) -> SocketAddr {
        let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
        let chain = vec![CertificateDer::from_pem_file(&self.cert).unwrap()];
        let key = PrivateKeyDer::from_pem_file(&self.key).unwrap();
        let builder = rustls::ServerConfig::builder_with_provider(provider).with_safe_default_protocol_versions();
        let config = Arc::new(builder.unwrap().with_no_client_auth().with_single_cert(chain, key).unwrap());
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let addr = listener.local_addr().unwrap();
        std::thread::spawn(move || {
            for stream in listener.incoming() {
                let session = rustls::ServerConnection::new(Arc::clone(&config)).unwrap();
                let stream = Tls(rustls::StreamOwned::new(session, stream.unwrap()));
                std::thread::spawn(move || {
                    let mut conn = Conn::new(stream);
                    while conn.request().is_some() {
                        conn.send(OK);
                    }
                });
            }
        });
        addr
    }
}

struct Tls<T>(T);

impl<T: Read> Read for Tls<T> {
    fn read(&mut self, buf: &mut [u8]) -> std::io::Result<usize> {
        self.0.read(buf)
    }
}

impl<T: Write> Write for Tls<T> {
    fn write(&mut self, buf: &[u8]) -> std::io::Result<usize> {
        self.0.write(buf)
    }

    fn flush(&mut self) -> std::io::Result<()> {
        self.0.flush()
    }
}

impl<T: Read + Write + Send> Stream for Tls<T> {
    fn shut_write(&mut self) {}
}

const REQUEST: &str = "POST /edge/anthropic/v1/messages HTTP/1.1\r\nHost: localhost\r\nContent-Length: 2\r\n\r\n{}";

#[test]
fn tls_in_and_tls_out() {
    let pki = Pki::new();
    let port = pki.upstream().port();
    let under = Under::with(&format!("https://localhost:{port}"), |config, listen| {
        config.extra_ca_file = Some(pki.cert.clone());
        listen.tls = Some(pki.files());
    });
    let name = ServerName::try_from("localhost").unwrap();
    let session = rustls::ClientConnection::new(pki.client(&[b"http/1.1"]), name).unwrap();
    let stream = rustls::StreamOwned::new(session, TcpStream::connect(under.addr).unwrap());
    let mut conn = Conn::new(Tls(stream));
    conn.send(REQUEST);
    let (head, payload) = conn.response("POST").unwrap();
    assert_eq!((head.status(), payload.bytes.as_slice()), (200, b"{}".as_slice()));
    assert!(head.headers.contains(&("X-Case".into(), "Kept".into())));
}

#[test]
fn an_upstream_with_a_foreign_certificate_is_not_trusted() {
    let pki = Pki::new();
    let port = pki.upstream().port();
    let under = Under::with(&format!("https://localhost:{port}"), |_, _| {});
    let mut conn = Conn::connect(under.addr).unwrap();
    conn.send(REQUEST);
    assert_eq!(conn.response("POST").unwrap().0.get("x-ursa-error"), Some("upstream_unreachable"));
}

async fn h2_exchange<T>(io: T, scheme: &str)
where
    T: tokio::io::AsyncRead + tokio::io::AsyncWrite + Unpin + Send + 'static,
{
    let (mut sender, connection) =
        hyper::client::conn::http2::handshake(TokioExecutor::new(), TokioIo::new(io)).await.unwrap();
    tokio::spawn(connection);
    let request = |n: usize| {
        Request::post(format!("{scheme}://localhost/edge/anthropic/v1/messages?n={n}"))
            .header("cookie", "a=1")
            .header("cookie", "b=2")
            .body(Full::new(Bytes::from("{}")))
            .unwrap()
    };
    let both = futures_util::future::join(sender.send_request(request(1)), sender.clone().send_request(request(2)));
    let (first, second) = both.await;
    for response in [first.unwrap(), second.unwrap()] {
        assert_eq!((response.status().as_u16(), response.version()), (200, Version::HTTP_2));
        assert!(!response.headers().contains_key("date"), "nothing is added");
        assert_eq!(response.into_body().collect().await.unwrap().to_bytes(), "{}");
    }
}

#[test]
fn http2_with_prior_knowledge() {
    let (addr, seen) = answering(OK);
    let under = Under::new(addr);
    under.runtime.block_on(async {
        h2_exchange(tokio::net::TcpStream::connect(under.addr).await.unwrap(), "http").await;
    });
    let (_, head, payload) = seen.recv().unwrap();
    assert!(head.start.starts_with("POST /v1/messages?n="));
    assert_eq!((head.get("cookie"), payload.bytes.as_slice()), (Some("a=1; b=2"), b"{}".as_slice()));
    assert_eq!(under.sink.capture(0).request, b"{}");
}

#[test]
fn http2_by_alpn() {
    let pki = Pki::new();
    let (addr, _seen) = answering(OK);
    let under = Under::with(&format!("http://{addr}"), |_, listen| listen.tls = Some(pki.files()));
    under.runtime.block_on(async {
        let connector = tokio_rustls::TlsConnector::from(pki.client(&[b"h2"]));
        let stream = tokio::net::TcpStream::connect(under.addr).await.unwrap();
        let stream = connector.connect(ServerName::try_from("localhost").unwrap(), stream).await.unwrap();
        assert_eq!(stream.get_ref().1.alpn_protocol(), Some(b"h2".as_slice()));
        h2_exchange(stream, "https").await;
    });
}

#[test]
fn a_reset_upstream_gives_an_http2_client_the_prefix_and_an_error() {
    let addr = upstream(|_, mut conn| {
        conn.request();
        conn.send("HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n64\r\nprefix");
    });
    let under = Under::new(addr);
    under.runtime.block_on(async {
        let io = TokioIo::new(tokio::net::TcpStream::connect(under.addr).await.unwrap());
        let (mut sender, connection) = hyper::client::conn::http2::handshake(TokioExecutor::new(), io).await.unwrap();
        tokio::spawn(connection);
        let request = Request::post("http://localhost/edge/anthropic/v1/messages").body(Full::new(Bytes::new()));
        let mut body = sender.send_request(request.unwrap()).await.unwrap().into_body();
        let mut got = Vec::new();
        let outcome = loop {
            match body.frame().await {
                Some(Ok(frame)) => got.extend_from_slice(frame.data_ref().unwrap()),
                other => break other,
            }
        };
        assert_eq!(got, b"prefix");
        assert!(outcome.is_some_and(|frame| frame.is_err()));
    });
}
