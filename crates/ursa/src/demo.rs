//! `ursa demo`: the server, with agents and a model that are acted in the same process.

use std::collections::BTreeMap;
use std::fs::DirBuilder;
use std::io::Write;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::os::unix::fs::DirBuilderExt;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, ensure};
use ursa_demo::Demo;
use uuid::Uuid;

use crate::clock;
use crate::config::{self, Flags};
use crate::serve::{self, Listening};

/// Agents send the whole conversation with each call, and the live one never ends: so captures go after an hour.
const KEEP_CAPTURES_HOURS: u64 = 1;

/// Runs until SIGTERM or SIGINT. Takes no settings but these, neither from a file nor from the environment, so that what
/// is shown does not depend on them.
pub(crate) fn run(listen: Option<String>, data_dir: Option<PathBuf>) -> Result<()> {
    let demo = Demo::bind().context("the scripted model has no port")?;
    let temporary = if data_dir.is_none() { Some(TemporaryFolder::make()?) } else { None };
    let data_dir = data_dir.or_else(|| temporary.as_ref().map(|folder| folder.0.clone()));
    let upstreams = ["anthropic", "openai"].map(|name| format!("{name}={}", demo.upstream_url())).to_vec();
    let flags = Flags { listen, data_dir, upstreams, ..Flags::default() };
    let mut config = config::load(&flags, &BTreeMap::new())?;
    config.journal.keep_processed_hours = KEEP_CAPTURES_HOURS;
    ensure!(
        agents_can_reach(config.listen.ip()),
        "the demo's agents use no key and so need loopback: listen on 127.0.0.1, ::1, 0.0.0.0 or ::"
    );
    let (folder, is_temporary) = (config.data_dir.clone(), temporary.is_some());
    serve::run_with(&config, |Listening { address, stopped }| {
        announce(&folder, is_temporary)?;
        let server = format!("http://{}", loopback(address));
        demo.start(&server, || clock::now().to_string(), stopped).context("the scripted model cannot be served")
    })
}

fn announce(folder: &Path, is_temporary: bool) -> Result<()> {
    let fate = if is_temporary { "removed at the end" } else { "kept" };
    let mut out = std::io::stdout().lock();
    writeln!(out, "ursa: this is a demo with simulated agents; its data is in {} ({fate})", folder.display())?;
    out.flush()?;
    Ok(())
}

fn agents_can_reach(listen: IpAddr) -> bool {
    listen.is_loopback() || listen.is_unspecified()
}

/// Where a server that listens there is reached from this machine.
fn loopback(mut address: SocketAddr) -> SocketAddr {
    if address.ip().is_unspecified() {
        address.set_ip(match address.ip() {
            IpAddr::V4(_) => Ipv4Addr::LOCALHOST.into(),
            IpAddr::V6(_) => Ipv6Addr::LOCALHOST.into(),
        });
    }
    address
}

/// A folder of this user's alone, removed when dropped.
struct TemporaryFolder(PathBuf);

impl TemporaryFolder {
    fn make() -> Result<Self> {
        let folder = std::env::temp_dir().join(format!("ursa-demo-{}", Uuid::new_v4()));
        let made = DirBuilder::new().mode(0o700).create(&folder);
        made.with_context(|| format!("cannot make the temporary folder {}", folder.display()))?;
        Ok(Self(folder))
    }
}

impl Drop for TemporaryFolder {
    fn drop(&mut self) {
        if let Err(error) = std::fs::remove_dir_all(&self.0) {
            tracing::warn!("the temporary folder {} stays: {error}", self.0.display());
        }
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::*;

    #[test]
    fn a_temporary_folder_is_private_and_goes() {
        use std::os::unix::fs::PermissionsExt;
        let folder = TemporaryFolder::make().unwrap();
        let path = folder.0.clone();
        assert_eq!(path.metadata().unwrap().permissions().mode() & 0o777, 0o700);
        std::fs::write(path.join("x"), "x").unwrap();
        drop(folder);
        assert!(!path.exists());
    }

    #[test]
    fn agents_use_loopback_wherever_the_server_listens() {
        for (listens, reached) in [("0.0.0.0:7", "127.0.0.1:7"), ("[::]:7", "[::1]:7"), ("127.0.0.2:7", "127.0.0.2:7")]
        {
            assert_eq!(loopback(listens.parse().unwrap()), reached.parse().unwrap());
        }
        assert!(!agents_can_reach("10.0.0.1".parse().unwrap()));
    }
}
