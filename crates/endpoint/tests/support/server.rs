//! A server of one page of code: takes captures as an Ursa server does, or answers as the test says.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::{Arc, Mutex};

use serde_json::{Value, json};

/// A request.
pub struct Request {
    pub path: String,
    pub headers: BTreeMap<String, String>,
    pub body: Vec<u8>,
}

impl Request {
    /// The envelopes of a batch.
    pub fn envelopes(&self) -> Vec<Value> {
        self.body
            .split(|byte| *byte == b'\n')
            .filter(|line| !line.is_empty())
            .map(|line| serde_json::from_slice(line).unwrap())
            .collect()
    }
}

/// What to do with a request.
pub enum Reply {
    /// Take the captures and say so.
    Take,
    /// Take them, and break the connection instead of saying so.
    TakeAndBreak,
    /// Break the connection.
    Break,
    /// Take all but the lines with these numbers.
    Reject(Vec<usize>),
    /// Answer with status, headers, body.
    Say(u16, Vec<(&'static str, String)>, String),
}

/// What the server has.
#[derive(Default)]
pub struct Taken {
    /// Envelopes by id, each once.
    pub envelopes: BTreeMap<String, Value>,
    /// Envelopes that came again.
    pub duplicates: usize,
    /// Requests, those that broke included.
    pub requests: usize,
}

type Script = dyn Fn(&Request, usize) -> Reply + Send + Sync;

/// The server. Stops answering when it is dropped.
pub struct Server {
    pub address: SocketAddr,
    pub taken: Arc<Mutex<Taken>>,
    stop: Arc<std::sync::atomic::AtomicBool>,
}

impl Server {
    /// `script` gets each request and its number, from 1.
    pub fn start(script: impl Fn(&Request, usize) -> Reply + Send + Sync + 'static) -> Self {
        Self::start_with(script, |stream| Some(Box::new(stream)))
    }

    /// `wrap` makes TLS of a connection.
    pub fn start_with(
        script: impl Fn(&Request, usize) -> Reply + Send + Sync + 'static,
        wrap: impl Fn(TcpStream) -> Option<Box<dyn Stream>> + Send + Sync + 'static,
    ) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        let taken = Arc::new(Mutex::new(Taken::default()));
        let stop = Arc::new(std::sync::atomic::AtomicBool::new(false));
        let (script, wrap): (Arc<Script>, _) = (Arc::new(script), Arc::new(wrap));
        let (into, stopped) = (taken.clone(), stop.clone());
        std::thread::spawn(move || {
            for stream in listener.incoming() {
                if stopped.load(std::sync::atomic::Ordering::SeqCst) {
                    return;
                }
                let (script, wrap, into) = (script.clone(), wrap.clone(), into.clone());
                let Ok(stream) = stream else { continue };
                std::thread::spawn(move || {
                    if let Some(stream) = wrap(stream) {
                        serve(stream, &*script, &into);
                    }
                });
            }
        });
        Self { address, taken, stop }
    }

    pub fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    pub fn count(&self) -> usize {
        self.taken.lock().unwrap().envelopes.len()
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.stop.store(true, std::sync::atomic::Ordering::SeqCst);
        let _ = TcpStream::connect(self.address);
    }
}

pub trait Stream: Read + Write + Send {}
impl<T: Read + Write + Send> Stream for T {}

fn serve(stream: Box<dyn Stream>, script: &Script, taken: &Mutex<Taken>) {
    let mut stream = BufReader::new(stream);
    while let Some(request) = read(&mut stream) {
        let number = {
            let mut taken = taken.lock().unwrap();
            taken.requests += 1;
            taken.requests
        };
        let answer = match script(&request, number) {
            Reply::Break => return,
            Reply::TakeAndBreak => {
                take(&request, &[], taken);
                return;
            }
            Reply::Take => (200, Vec::new(), take(&request, &[], taken).to_string()),
            Reply::Reject(lines) => (200, Vec::new(), take(&request, &lines, taken).to_string()),
            Reply::Say(status, headers, body) => (status, headers, body),
        };
        let (status, headers, body) = answer;
        let mut text = format!("HTTP/1.1 {status} X\r\ncontent-length: {}\r\n", body.len());
        for (name, value) in headers {
            write!(text, "{name}: {value}\r\n").unwrap();
        }
        text.push_str("\r\n");
        text.push_str(&body);
        if stream.get_mut().write_all(text.as_bytes()).and_then(|()| stream.get_mut().flush()).is_err() {
            return;
        }
    }
}

fn take(request: &Request, rejected: &[usize], taken: &Mutex<Taken>) -> Value {
    let mut taken = taken.lock().unwrap();
    let (mut accepted, mut duplicates, mut refused) = (0, 0, Vec::new());
    for (index, envelope) in request.envelopes().into_iter().enumerate() {
        let id = envelope["id"].as_str().unwrap().to_owned();
        if rejected.contains(&(index + 1)) {
            refused.push(json!({"line": index + 1, "id": id, "reason": "not liked"}));
        } else if let Some(before) = taken.envelopes.get(&id) {
            assert_eq!(*before, envelope, "the same id with another content");
            duplicates += 1;
        } else {
            taken.envelopes.insert(id, envelope);
            accepted += 1;
        }
    }
    taken.duplicates += duplicates;
    json!({"accepted": accepted, "duplicates": duplicates, "rejected": refused})
}

fn read(stream: &mut BufReader<Box<dyn Stream>>) -> Option<Request> {
    let mut line = String::new();
    stream.read_line(&mut line).ok().filter(|read| *read > 0)?;
    let path = line.split(' ').nth(1)?.to_owned();
    let mut headers = BTreeMap::new();
    loop {
        line.clear();
        stream.read_line(&mut line).ok()?;
        let Some((name, value)) = line.trim().split_once(':') else { break };
        headers.insert(name.to_ascii_lowercase(), value.trim().to_owned());
    }
    let length = headers.get("content-length")?.parse().ok()?;
    let mut body = vec![0; length];
    stream.read_exact(&mut body).ok()?;
    if headers.get("content-encoding").is_some_and(|encoding| encoding == "zstd") {
        body = zstd::decode_all(&body[..]).unwrap();
    }
    Some(Request { path, headers, body })
}
