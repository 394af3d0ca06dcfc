//! Where the name of an upstream may lead.
//!
//! An upstream is the administrator's word: an address that he wrote down is connected to, whatever it is, and so is
//! `localhost`. What a name resolves to is somebody else's word. A name that leads to this machine, to the link's own
//! addresses or to a cloud's metadata service is refused unless the upstream is said to be local. Private networks are
//! not refused: model servers live there.
//!
//! The check is part of resolving, and the addresses that passed it are the ones connected to: nothing is resolved a
//! second time in between.

use std::collections::HashSet;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::sync::Arc;
use std::task::{Context, Poll};
use std::vec;

use futures_util::future::BoxFuture;
use hyper_util::client::legacy::connect::dns::{GaiResolver, Name};
use tower::Service;

use crate::body::BoxError;

/// Metadata services of clouds outside of 169.254.0.0/16: Alibaba's, Azure's, Oracle's; Amazon's and Google's over IPv6.
const METADATA_V4: [Ipv4Addr; 3] =
    [Ipv4Addr::new(100, 100, 100, 200), Ipv4Addr::new(168, 63, 129, 16), Ipv4Addr::new(192, 0, 0, 192)];
const METADATA_V6: [Ipv6Addr; 2] =
    [Ipv6Addr::new(0xfd00, 0xec2, 0, 0, 0, 0, 0, 0x254), Ipv6Addr::new(0xfd20, 0xce, 0, 0, 0, 0, 0, 0x254)];

/// First 16 bits of addresses that carry an IPv4 address: 6to4 (in bits 16 to 48) and the NAT64 prefix (in the last 32).
const SIX_TO_FOUR: u16 = 0x2002;
const NAT64: [u16; 6] = [0x64, 0xff9b, 0, 0, 0, 0];

/// The name of an upstream leads where it must not.
#[derive(Debug, thiserror::Error)]
#[error("the upstream's name leads to {0}, which is this machine, its link or a metadata service")]
pub(crate) struct ForbiddenAddress(IpAddr);

/// Resolves names, and refuses those that lead where they must not.
#[derive(Debug, Clone)]
pub(crate) struct CheckedResolver<R = GaiResolver> {
    inner: R,
    /// Names, in lower case, that may lead to this machine.
    local: Arc<HashSet<String>>,
}

impl<R> CheckedResolver<R> {
    pub(crate) fn new(inner: R, local: Arc<HashSet<String>>) -> Self {
        Self { inner, local }
    }

    fn may_be_local(&self, name: &str) -> bool {
        let name = name.trim_end_matches('.').to_ascii_lowercase();
        // By RFC 6761 these lead to this machine and nowhere else: whoever wrote them meant it.
        name == "localhost" || name.ends_with(".localhost") || self.local.contains(&name)
    }
}

impl<R> Service<Name> for CheckedResolver<R>
where
    R: Service<Name>,
    R::Response: Iterator<Item = SocketAddr>,
    R::Error: Into<BoxError>,
    R::Future: Send + 'static,
{
    type Response = vec::IntoIter<SocketAddr>;
    type Error = BoxError;
    type Future = BoxFuture<'static, Result<Self::Response, BoxError>>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), BoxError>> {
        self.inner.poll_ready(cx).map_err(Into::into)
    }

    fn call(&mut self, name: Name) -> Self::Future {
        let may_be_local = self.may_be_local(name.as_str());
        let resolving = self.inner.call(name.clone());
        Box::pin(async move {
            let addresses: Vec<SocketAddr> = resolving.await.map_err(Into::into)?.collect();
            let forbidden = addresses.iter().map(SocketAddr::ip).find(|ip| is_local(*ip));
            if let Some(ip) = forbidden.filter(|_| !may_be_local) {
                tracing::warn!(name = name.as_str(), %ip, "an upstream's name leads where it must not: nothing was sent");
                return Err(ForbiddenAddress(ip).into());
            }
            Ok(addresses.into_iter())
        })
    }
}

/// True for this machine's own addresses, the link's, groups, and metadata services.
fn is_local(ip: IpAddr) -> bool {
    match ip {
        IpAddr::V4(ip) => is_local_v4(ip),
        IpAddr::V6(ip) => {
            ip.is_loopback()
                || ip.is_unspecified()
                || ip.is_unicast_link_local()
                || ip.is_multicast()
                || METADATA_V6.contains(&ip)
                || carried(ip).is_some_and(is_local_v4)
        }
    }
}

fn is_local_v4(ip: Ipv4Addr) -> bool {
    ip.is_loopback()
        || ip.octets()[0] == 0
        || ip.is_link_local()
        || ip.is_broadcast()
        || ip.is_multicast()
        || METADATA_V4.contains(&ip)
}

/// The IPv4 address that an IPv6 address stands for.
fn carried(ip: Ipv6Addr) -> Option<Ipv4Addr> {
    let parts = ip.segments();
    let of = |high: u16, low: u16| {
        let ([a, b], [c, d]) = (high.to_be_bytes(), low.to_be_bytes());
        Ipv4Addr::new(a, b, c, d)
    };
    if parts[0] == SIX_TO_FOUR {
        return Some(of(parts[1], parts[2]));
    }
    if parts[..6] == NAT64 {
        return Some(of(parts[6], parts[7]));
    }
    ip.to_ipv4()
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use std::collections::VecDeque;
    use std::sync::Mutex;

    use super::*;

    #[test]
    fn f23_addresses_of_this_machine_in_every_spelling_are_told() {
        let local = [
            "127.0.0.1",
            "127.255.0.9",
            "0.0.0.0",
            "0.1.2.3",
            "169.254.169.254",
            "169.254.170.2",
            "100.100.100.200",
            "168.63.129.16",
            "192.0.0.192",
            "255.255.255.255",
            "224.0.0.1",
            "::1",
            "::",
            "::127.0.0.1",
            "::ffff:127.0.0.1",
            "::ffff:169.254.169.254",
            "64:ff9b::169.254.169.254",
            "2002:7f00:1::",
            "fe80::1",
            "ff02::1",
            "fd00:ec2::254",
            "fd20:ce::254",
        ];
        for ip in local {
            assert!(is_local(ip.parse().unwrap()), "{ip}");
        }
        let others = ["10.0.0.1", "192.168.1.1", "172.16.0.1", "100.64.0.1", "8.8.8.8", "2606:4700::1", "fd12::1"];
        for ip in others {
            assert!(!is_local(ip.parse().unwrap()), "{ip}");
        }
    }

    /// Answers each question with the next of a list.
    fn scripted(
        answers: &[&[&str]],
    ) -> impl Service<
        Name,
        Response = vec::IntoIter<SocketAddr>,
        Error = std::io::Error,
        Future = std::future::Ready<Result<vec::IntoIter<SocketAddr>, std::io::Error>>,
    > + use<> {
        let parse =
            |ips: &&[&str]| -> Vec<_> { ips.iter().map(|ip| SocketAddr::new(ip.parse().unwrap(), 0)).collect() };
        let answers: Mutex<VecDeque<Vec<SocketAddr>>> = Mutex::new(answers.iter().map(parse).collect());
        tower::service_fn(move |_: Name| {
            std::future::ready(Ok(answers.lock().unwrap().pop_front().unwrap_or_default().into_iter()))
        })
    }

    async fn ask<R>(resolver: &mut CheckedResolver<R>, name: &str) -> Result<Vec<IpAddr>, BoxError>
    where
        R: Service<Name, Response = vec::IntoIter<SocketAddr>, Error = std::io::Error>,
        R::Future: Send + 'static,
    {
        Ok(resolver.call(name.parse().unwrap()).await?.map(|address| address.ip()).collect())
    }

    #[tokio::test]
    async fn f23_a_name_that_is_bound_anew_is_refused_whenever_it_is_asked_for() {
        let answers: [&[&str]; 3] = [&["93.184.215.14"], &["127.0.0.1"], &["93.184.215.14", "::ffff:169.254.169.254"]];
        let mut resolver = CheckedResolver::new(scripted(&answers), Arc::default());
        assert_eq!(ask(&mut resolver, "models.example").await.unwrap().len(), 1);
        // One address among others is enough: which one is tried first is not ours to say.
        for _ in 0..2 {
            let error = ask(&mut resolver, "models.example").await.unwrap_err();
            assert!(error.is::<ForbiddenAddress>(), "{error}");
        }
    }

    #[tokio::test]
    async fn f23_localhost_and_names_that_are_said_to_be_local_pass() {
        let local = Arc::new(HashSet::from(["lab.internal".to_owned()]));
        let answers: [&[&str]; 5] = [&["127.0.0.1"]; 5];
        let mut resolver = CheckedResolver::new(scripted(&answers), local);
        for name in ["localhost", "Models.LOCALHOST", "lab.internal", "LAB.internal."] {
            assert_eq!(ask(&mut resolver, name).await.unwrap(), ["127.0.0.1".parse::<IpAddr>().unwrap()], "{name}");
        }
        assert!(ask(&mut resolver, "notlocalhost").await.is_err());
    }
}
