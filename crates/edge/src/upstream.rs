//! Where `/edge/{upstream}/…` goes.

use std::collections::HashMap;
use std::str::FromStr;

use http::Uri;
use http::uri::{Authority, InvalidUri, PathAndQuery, Scheme};
use ursa_adapters::route::{BUILT_IN_UPSTREAMS, Protocol};

/// An upstream as configured: `NAME=URL` or `NAME=PROTOCOL+URL`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct UpstreamConfig {
    /// The `{upstream}` of the path.
    pub name: String,
    /// Its wire protocol.
    pub protocol: Protocol,
    /// Where it is: `http://` or `https://`, host, optional port and path, no query.
    pub url: String,
}

/// An upstream's text is not usable. The message says what to write instead.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ParseUpstreamError {
    /// No `=`, or nothing before it.
    #[error("expected NAME=URL or NAME=PROTOCOL+URL")]
    Form,
    /// The name would not survive as one segment of a path.
    #[error("upstream name {name:?}: use letters, digits, '-', '_' and '.', and not the reserved name \"k\"")]
    Name {
        /// The name as given.
        name: String,
    },
    /// A name that is not built in needs a protocol.
    #[error("upstream {name:?} is not built in: name its protocol, {name}=PROTOCOL+URL with one of {}", protocols())]
    NoProtocol {
        /// The name as given.
        name: String,
    },
    /// The protocol is not known.
    #[error("unknown protocol {protocol:?}: use one of {}", protocols())]
    Protocol {
        /// The protocol as given.
        protocol: String,
    },
    /// The URL is not usable.
    #[error("upstream {name:?}: expected http:// or https:// with a host and without user, query or fragment")]
    Url {
        /// The upstream's name.
        name: String,
    },
}

fn protocols() -> String {
    Protocol::ALL.map(Protocol::as_str).join(", ")
}

impl FromStr for UpstreamConfig {
    type Err = ParseUpstreamError;

    fn from_str(text: &str) -> Result<Self, ParseUpstreamError> {
        let (name, rest) = text.split_once('=').ok_or(ParseUpstreamError::Form)?;
        if name.is_empty() || rest.is_empty() {
            return Err(ParseUpstreamError::Form);
        }
        let (protocol, url) = if let Some((protocol, url)) = split_protocol(rest) {
            let known = Protocol::from_name(protocol);
            (known.ok_or_else(|| ParseUpstreamError::Protocol { protocol: protocol.to_owned() })?, url)
        } else {
            let built_in = BUILT_IN_UPSTREAMS.iter().find(|upstream| upstream.name == name);
            let built_in = built_in.ok_or_else(|| ParseUpstreamError::NoProtocol { name: name.to_owned() })?;
            (built_in.protocol, rest)
        };
        let config = Self { name: name.to_owned(), protocol, url: url.to_owned() };
        Upstream::new(&config)?;
        Ok(config)
    }
}

/// `PROTOCOL+URL`: the plus must come before the URL's own scheme ends.
fn split_protocol(text: &str) -> Option<(&str, &str)> {
    let scheme_end = text.find("://").unwrap_or(text.len());
    let plus = text[..scheme_end].rfind('+')?;
    Some((&text[..plus], &text[plus + 1..]))
}

/// An upstream, ready to forward to.
#[derive(Debug, Clone)]
pub(crate) struct Upstream {
    pub(crate) name: String,
    pub(crate) protocol: Protocol,
    scheme: Scheme,
    authority: Authority,
    /// Path of the base URL, without a trailing slash.
    base_path: String,
}

impl Upstream {
    fn new(config: &UpstreamConfig) -> Result<Self, ParseUpstreamError> {
        let name = &config.name;
        let named = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.');
        if name.is_empty() || name == "k" || !name.chars().all(named) || name.chars().all(|c| c == '.') {
            return Err(ParseUpstreamError::Name { name: name.clone() });
        }
        let bad_url = || ParseUpstreamError::Url { name: name.clone() };
        if config.url.contains('#') {
            return Err(bad_url());
        }
        let uri: Uri = config.url.parse().map_err(|_| bad_url())?;
        let parts = uri.into_parts();
        let scheme = parts.scheme.filter(|s| *s == Scheme::HTTP || *s == Scheme::HTTPS).ok_or_else(bad_url)?;
        let authority = parts.authority.filter(|a| !a.host().is_empty() && !a.as_str().contains('@'));
        let path = parts.path_and_query.filter(|p| p.query().is_none()).ok_or_else(bad_url)?;
        Ok(Self {
            name: name.clone(),
            protocol: config.protocol,
            scheme,
            authority: authority.ok_or_else(bad_url)?,
            base_path: path.path().trim_end_matches('/').to_owned(),
        })
    }

    pub(crate) fn authority(&self) -> &Authority {
        &self.authority
    }

    /// Where to connect to.
    pub(crate) fn address(&self) -> Uri {
        let mut parts = http::uri::Parts::default();
        parts.scheme = Some(self.scheme.clone());
        parts.authority = Some(self.authority.clone());
        parts.path_and_query = Some(PathAndQuery::from_static("/"));
        // All three parts are present, which is the only condition that `from_parts` checks.
        Uri::from_parts(parts).unwrap_or_default()
    }

    /// The path of the upstream's URL with the rest of the request's path and its query, byte for byte.
    ///
    /// # Errors
    /// Together they are no path.
    pub(crate) fn path(&self, rest: &str) -> Result<String, InvalidUri> {
        let mut path = String::with_capacity(self.base_path.len() + rest.len() + 1);
        path.push_str(&self.base_path);
        if !rest.starts_with('/') && (path.is_empty() || !(rest.is_empty() || rest.starts_with('?'))) {
            path.push('/');
        }
        path.push_str(rest);
        PathAndQuery::from_str(&path)?;
        Ok(path)
    }
}

/// All upstreams by name.
#[derive(Debug)]
pub(crate) struct Upstreams(HashMap<String, Upstream>);

impl Upstreams {
    /// The built-in ones, overridden and extended by `configured`.
    pub(crate) fn new(configured: &[UpstreamConfig]) -> Result<Self, ParseUpstreamError> {
        let built_in = BUILT_IN_UPSTREAMS.iter().map(|upstream| UpstreamConfig {
            name: upstream.name.to_owned(),
            protocol: upstream.protocol,
            url: upstream.url.to_owned(),
        });
        let mut all = HashMap::new();
        for config in built_in.chain(configured.iter().cloned()) {
            all.insert(config.name.clone(), Upstream::new(&config)?);
        }
        Ok(Self(all))
    }

    pub(crate) fn get(&self, name: &str) -> Option<&Upstream> {
        self.0.get(name)
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn a_built_in_keeps_its_protocol_and_a_new_one_names_it() {
        let built_in: UpstreamConfig = "anthropic=http://127.0.0.1:1/x".parse().unwrap();
        assert_eq!(built_in.protocol, Protocol::AnthropicMessages);
        let named: UpstreamConfig = "lab=openai-chat+http://lab:8000/a+b".parse().unwrap();
        assert_eq!((named.protocol, named.url.as_str()), (Protocol::OpenAiChat, "http://lab:8000/a+b"));
        let plus: UpstreamConfig = "openai=http://lab/a+b".parse().unwrap();
        assert_eq!((plus.protocol, plus.url.as_str()), (Protocol::OpenAi, "http://lab/a+b"));
    }

    #[test]
    fn what_cannot_be_used_is_named() {
        let error = |text: &str| text.parse::<UpstreamConfig>().unwrap_err();
        assert_eq!(error("lab"), ParseUpstreamError::Form);
        assert_eq!(error("lab=http://x"), ParseUpstreamError::NoProtocol { name: "lab".into() });
        assert_eq!(error("lab=soap+http://x"), ParseUpstreamError::Protocol { protocol: "soap".into() });
        assert!(matches!(error("k=gemini+http://x"), ParseUpstreamError::Name { .. }));
        assert!(matches!(error("a/b=gemini+http://x"), ParseUpstreamError::Name { .. }));
        for url in ["ftp://x", "http://", "http://x?y", "http://u:p@x", "/x", "http://x/#a"] {
            assert!(matches!(error(&format!("lab=gemini+{url}")), ParseUpstreamError::Url { .. }), "{url}");
        }
        assert!(error("lab=http://x").to_string().contains("anthropic-messages"));
    }

    #[test]
    fn the_rest_of_the_path_is_appended_as_it_is() {
        let upstreams = Upstreams::new(&["chatgpt=http://h:1/b/c/".parse().unwrap()]).unwrap();
        let path = |name: &str, rest: &str| upstreams.get(name).unwrap().path(rest).unwrap();
        assert_eq!(upstreams.get("chatgpt").unwrap().address(), "http://h:1/");
        assert_eq!(path("chatgpt", "/x"), "/b/c/x");
        assert_eq!(path("chatgpt", ""), "/b/c");
        assert_eq!(path("chatgpt", "?a"), "/b/c?a");
        assert_eq!(path("openai", ""), "/");
        assert_eq!(path("openai", "?"), "/?");
        assert_eq!(path("openai", "//a%2Fb?c=d&c"), "//a%2Fb?c=d&c");
    }
}
