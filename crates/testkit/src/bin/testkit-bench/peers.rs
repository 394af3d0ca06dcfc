//! Other proxies, for comparison. Each is what its own quick start says, as far as that forwards to our upstream.

use std::ffi::OsStr;
use std::net::SocketAddr;
use std::path::Path;
use std::process::Stdio;
use std::time::Duration;

use anyhow::Context as _;
use tokio::net::TcpStream;
use tokio::process::{Child, Command};

use super::client::Target;

/// Python proxies take half a minute.
const START_LIMIT: Duration = Duration::from_mins(2);

/// A running proxy.
pub(crate) struct Peer {
    pub(crate) child: Child,
    pub(crate) target: Target,
}

/// The proxies that [`start`] knows. Nginx and haproxy forward and record nothing; so do the gateways as set up here.
pub(crate) const NAMES: [&str; 4] = ["nginx", "haproxy", "portkey", "litellm"];

/// Starts a proxy that keeps its files in `dir`.
pub(crate) async fn start(name: &str, dir: &Path, upstream: SocketAddr) -> anyhow::Result<Peer> {
    // Taken and given back: most of them cannot choose a port and say which.
    let address = std::net::TcpListener::bind("127.0.0.1:0")?.local_addr()?;
    let port = address.port().to_string();
    let port_is = format!("--port={port}");
    let file = dir.join(format!("{name}.conf"));
    let mut headers = Vec::new();
    let (program, arguments): (&str, Vec<&OsStr>) = match name {
        "nginx" => {
            std::fs::write(&file, nginx_config(dir, address, upstream))?;
            ("nginx", vec!["-c".as_ref(), file.as_ref(), "-p".as_ref(), dir.as_ref()])
        }
        "haproxy" => {
            std::fs::write(&file, haproxy_config(address, upstream))?;
            ("haproxy", vec!["-db".as_ref(), "-f".as_ref(), file.as_ref()])
        }
        "portkey" => {
            headers.push(("x-portkey-provider", "anthropic".to_owned()));
            headers.push(("x-portkey-custom-host", format!("http://{upstream}/v1")));
            ("gateway", vec!["--headless".as_ref(), port_is.as_ref()])
        }
        "litellm" => {
            std::fs::write(&file, litellm_config(upstream))?;
            let flags = ["--host", "127.0.0.1", "--port", &port, "--config"].map(OsStr::new);
            ("litellm", flags.into_iter().chain([file.as_os_str()]).collect())
        }
        _ => anyhow::bail!("no proxy {name:?}"),
    };
    let mut command = Command::new(program);
    command.args(arguments).env("PORT", &port).stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
    let child = command.kill_on_drop(true).spawn().with_context(|| format!("start {program}"))?;
    let listening = async {
        while TcpStream::connect(address).await.is_err() {
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    };
    tokio::time::timeout(START_LIMIT, listening).await.with_context(|| format!("{name} does not listen"))?;
    Ok(Peer { child, target: Target { address, path_prefix: String::new(), headers } })
}

/// Plain forwarding, as fast as nginx does it with streams let through: no buffering, kept connections, no log.
fn nginx_config(dir: &Path, address: SocketAddr, upstream: SocketAddr) -> String {
    let dir = dir.display();
    format!(
        "daemon off; worker_processes auto; pid {dir}/nginx.pid; error_log {dir}/nginx.log crit;
worker_rlimit_nofile 65536;
events {{ worker_connections 16384; }}
http {{
    access_log off; tcp_nodelay on; keepalive_requests 1000000000;
    client_max_body_size 64m; client_body_buffer_size 256k;
    client_body_temp_path {dir}/body; proxy_temp_path {dir}/proxy; fastcgi_temp_path {dir}/fastcgi;
    uwsgi_temp_path {dir}/uwsgi; scgi_temp_path {dir}/scgi;
    upstream model {{ server {upstream}; keepalive 1024; keepalive_requests 1000000000; }}
    server {{
        listen {address} backlog=4096;
        location / {{
            proxy_pass http://model; proxy_http_version 1.1; proxy_set_header Connection \"\";
            proxy_buffering off; proxy_request_buffering off;
        }}
    }}
}}
"
    )
}

fn haproxy_config(address: SocketAddr, upstream: SocketAddr) -> String {
    format!(
        "global
    maxconn 8192
defaults
    mode http
    timeout connect 10s
    timeout client 2m
    timeout server 2m
    http-reuse always
frontend bench
    bind {address} backlog 4096
    default_backend model
backend model
    server model {upstream} pool-max-conn 2048
"
    )
}

fn litellm_config(upstream: SocketAddr) -> String {
    format!(
        "model_list:
  - model_name: claude-opus-5
    litellm_params:
      model: anthropic/claude-opus-5
      api_base: http://{upstream}
      api_key: bench-dummy-key
"
    )
}
