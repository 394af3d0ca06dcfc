//! F22: certificates that are expired, of another host, or of nobody; and keys that are revoked. There is no way around
//! them: hooks spool, nothing is sent in plain text, and once it is in order everything arrives.

#![cfg(unix)]
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod support;

use std::net::TcpStream;
use std::sync::{Arc, Mutex};

use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, IsCa, KeyPair};
use rustls::pki_types::{PrivateKeyDer, PrivatePkcs8KeyDer};
use rustls::{ServerConfig, ServerConnection, StreamOwned};
use support::Device;
use support::server::{Reply, Server, Stream};
use ursa_endpoint::deliver::Standing;
use ursa_endpoint::exit;

struct Authority(CertifiedIssuer<'static, KeyPair>);

impl Authority {
    fn new() -> Self {
        let mut params = CertificateParams::default();
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        Self(CertifiedIssuer::self_signed(params, KeyPair::generate().unwrap()).unwrap())
    }

    /// A server's certificate for that name, good until that year.
    fn config(&self, name: &str, until: i32) -> Arc<ServerConfig> {
        let key = KeyPair::generate().unwrap();
        let mut params = CertificateParams::new(vec![name.to_owned()]).unwrap();
        params.not_before = rcgen::date_time_ymd(2020, 1, 1);
        params.not_after = rcgen::date_time_ymd(until, 1, 1);
        let certificate = params.signed_by(&key, &self.0).unwrap();
        let key = PrivateKeyDer::Pkcs8(PrivatePkcs8KeyDer::from(key.serialize_der()));
        let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
        let config = ServerConfig::builder_with_provider(provider).with_safe_default_protocol_versions().unwrap();
        Arc::new(config.with_no_client_auth().with_single_cert(vec![certificate.der().clone()], key).unwrap())
    }
}

/// A server whose certificate can be changed; whoever speaks plain text is noticed.
fn server(config: &Arc<Mutex<Arc<ServerConfig>>>, plain: &Arc<Mutex<bool>>, script: fn(usize) -> Reply) -> Server {
    let (config, plain) = (config.clone(), plain.clone());
    let wrap = move |stream: TcpStream| {
        let mut first = [0];
        if stream.peek(&mut first).is_ok_and(|read| read == 1) && first[0] != 0x16 {
            *plain.lock().unwrap() = true;
        }
        let connection = ServerConnection::new(config.lock().unwrap().clone()).unwrap();
        Some(Box::new(StreamOwned::new(connection, stream)) as Box<dyn Stream>)
    };
    Server::start_with(move |_, number| script(number), wrap)
}

#[test]
fn f22_a_bad_certificate_stops_delivery_and_loses_nothing() {
    let (ours, theirs) = (Authority::new(), Authority::new());
    let config = Arc::new(Mutex::new(ours.config("localhost", 2025)));
    let plain = Arc::new(Mutex::new(false));
    let server = server(&config, &plain, |_| Reply::Take);
    let device = Device::new();
    device.set(|settings| settings.server = Some(format!("https://localhost:{}", server.address.port())));
    for _ in 0..3 {
        assert!(device.hook(&["codex", "Stop"], b"{}").status.success());
    }
    device.state.write_private("device.key", b"device-key-1").unwrap();
    device.state.write_private("ca.pem", ours.0.pem().as_bytes()).unwrap();
    let bad = [ours.config("localhost", 2025), ours.config("other.example", 2049), theirs.config("localhost", 2049)];
    for certificate in bad {
        *config.lock().unwrap() = certificate;
        let output = device.run(&["flush"]);
        assert_eq!(output.status.code(), Some(i32::from(exit::TLS)), "{}", String::from_utf8_lossy(&output.stderr));
        assert!(String::from_utf8_lossy(&output.stderr).contains("certificate"));
        assert!(Standing::read(&device.state).last_error.unwrap().contains("certificate"));
        // Hooks go on, and do not try in vain each time.
        let output = device.hook(&["codex", "Stop"], b"{}");
        assert_eq!((output.status.code(), output.stderr.len()), (Some(0), 0));
    }
    assert_eq!((device.spooled().len(), server.count()), (6, 0));
    *config.lock().unwrap() = ours.config("localhost", 2049);
    assert_eq!(device.run(&["flush"]).status.code(), Some(0));
    assert_eq!((device.spooled().len(), server.count()), (0, 6));
    assert!(!*plain.lock().unwrap(), "nothing was sent in plain text");
}

#[test]
fn f22_a_revoked_device_keeps_its_records() {
    let server = Server::start(|_, number| match number {
        1 => Reply::Say(401, Vec::new(), String::new()),
        _ => Reply::Take,
    });
    let device = Device::new();
    device.set(|settings| settings.server = Some(server.url()));
    device.hook(&["codex", "Stop"], b"{}");
    device.state.write_private("device.key", b"revoked").unwrap();
    let output = device.run(&["flush"]);
    assert_eq!(output.status.code(), Some(i32::from(exit::NOT_ALLOWED)));
    assert!(String::from_utf8_lossy(&output.stderr).contains("Enrol again"));
    assert_eq!(device.spooled().len(), 1);
    assert_eq!(device.run(&["flush"]).status.code(), Some(0));
    assert_eq!(server.count(), 1);
}

#[test]
fn f22_plain_http_to_another_machine_is_refused() {
    let device = Device::enrolled("http://ursa.example");
    device.hook(&["codex", "Stop"], b"{}");
    let output = device.run(&["flush"]);
    assert_eq!(output.status.code(), Some(i32::from(exit::STATE)));
    assert!(String::from_utf8_lossy(&output.stderr).contains("not https"));
    let output = device.run(&["enroll", "--server", "http://ursa.example", "--token", "t"]);
    assert_eq!(output.status.code(), Some(i32::from(exit::STATE)));
}

#[test]
fn enrolment_keeps_the_key_and_the_authority() {
    let ours = Authority::new();
    let config = Arc::new(Mutex::new(ours.config("localhost", 2049)));
    let plain = Arc::new(Mutex::new(false));
    let script = |number| match number {
        1 => Reply::Say(401, Vec::new(), r#"{"title":"Unauthorized","detail":"the token is used up"}"#.to_owned()),
        2 => Reply::Say(503, Vec::new(), String::new()),
        3 => Reply::Say(200, Vec::new(), "<html>".to_owned()),
        4 => Reply::Say(404, Vec::new(), "<html>".to_owned()),
        5 | 6 => Reply::Say(200, Vec::new(), format!(r#"{{"device_id":"d-1","device_key":"key-{number}"}}"#)),
        _ => Reply::Take,
    };
    let server = server(&config, &plain, script);
    let device = Device::new();
    let ca = device.state.root().with_file_name("authority.pem");
    std::fs::write(&ca, ours.0.pem()).unwrap();
    let url = format!("https://localhost:{}/", server.address.port());
    let enroll = || {
        let ca = ca.to_string_lossy().into_owned();
        device.run(&["enroll", "--server", &url, "--token", "tok-1", "--ca", &ca])
    };
    for (code, said) in [
        (exit::NOT_ALLOWED, "the token is used up"),
        (exit::UNREACHABLE, "try again later"),
        (exit::STRANGE, "is this the URL of an Ursa server?"),
        (exit::STRANGE, "is this the URL of an Ursa server?"),
    ] {
        let output = enroll();
        let text = String::from_utf8_lossy(&output.stderr).into_owned();
        assert_eq!(output.status.code(), Some(i32::from(code)), "{text}");
        assert!(text.contains(said), "{text}");
        assert!(device.state.device_key().is_err());
    }
    for number in [5, 6] {
        assert_eq!(enroll().status.code(), Some(0));
        assert_eq!(device.state.device_key().unwrap(), format!("key-{number}"));
        let settings = device.state.settings().unwrap();
        assert_eq!(settings.device_id.as_deref(), Some("d-1"));
        assert_eq!(settings.server.as_deref(), Some(url.trim_end_matches('/')));
    }
    // The authority was kept: delivery needs no file of the user's any more.
    std::fs::remove_file(&ca).unwrap();
    device.hook(&["codex", "Stop"], b"{}");
    support::wait_until("it arrives", || server.count() == 1);
    use std::os::unix::fs::PermissionsExt;
    let mode = std::fs::metadata(device.state.path("device.key")).unwrap().permissions().mode();
    assert_eq!(mode & 0o777, 0o600);
}
