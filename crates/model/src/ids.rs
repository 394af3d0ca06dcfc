//! Typed identifiers. Each is a hash of what it names, or a number drawn once at the edge; none is ever reused.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

/// Length in bytes of every hashed identifier: 128 bits keep the chance of a collision among 10^12 facts below 10^-14.
pub const ID_LEN: usize = 16;

/// An identifier's text was not of the expected form.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("expected {prefix}_ and 32 hexadecimal digits")]
pub struct ParseIdError {
    prefix: &'static str,
}

macro_rules! hashed_id {
    ($(#[$doc:meta])* $name:ident, $prefix:literal) => {
        $(#[$doc])*
        #[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub struct $name(pub [u8; ID_LEN]);

        impl $name {
            /// The first [`ID_LEN`] bytes of the hash over `parts`. Each part is preceded by its length, so that no two
            /// lists of parts give the same bytes.
            pub fn derive(parts: &[&[u8]]) -> Self {
                Self(hash_parts(concat!("ursa ", $prefix, " 1"), parts))
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(concat!($prefix, "_"))?;
                for byte in self.0 {
                    write!(f, "{byte:02x}")?;
                }
                Ok(())
            }
        }

        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                fmt::Display::fmt(self, f)
            }
        }

        impl FromStr for $name {
            type Err = ParseIdError;
            fn from_str(text: &str) -> Result<Self, ParseIdError> {
                let bad = ParseIdError { prefix: $prefix };
                let hex = text.strip_prefix(concat!($prefix, "_")).ok_or_else(|| bad.clone())?;
                parse_hex(hex).map(Self).ok_or(bad)
            }
        }

        impl Serialize for $name {
            fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                serializer.collect_str(self)
            }
        }

        impl<'de> Deserialize<'de> for $name {
            fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                let text = String::deserialize(deserializer)?;
                text.parse().map_err(serde::de::Error::custom)
            }
        }
    };
}

hashed_id!(
    /// The tenant. In every key and every query.
    EnvironmentId, "env"
);
hashed_id!(
    /// One fact, once. Derived from the fact itself, never from a capture (RULES 1).
    EventId, "evt"
);
hashed_id!(
    /// A set of observations that are fused together: one event, or the equal prompts `#1…#n` of one text.
    FactId, "fact"
);
hashed_id!(
    /// What we reconstruct and investigate. Derived from the conversation's scope; older ids stay as aliases.
    SessionId, "ses"
);

impl EnvironmentId {
    /// The environment that a first start makes.
    pub fn default_environment() -> Self {
        Self::derive(&[b"default"])
    }
}

impl SessionId {
    /// The session of a conversation.
    pub fn of(environment: EnvironmentId, scope: &ConversationScope) -> Self {
        Self::derive(&[&environment.0, scope.as_str().as_bytes()])
    }
}

/// One capture on the edge: a request and its answer, or one upgraded connection. Drawn at random when it begins.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ExchangeId(pub [u8; ID_LEN]);

impl fmt::Display for ExchangeId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("cap_")?;
        for byte in self.0 {
            write!(f, "{byte:02x}")?;
        }
        Ok(())
    }
}

impl fmt::Debug for ExchangeId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl FromStr for ExchangeId {
    type Err = ParseIdError;
    fn from_str(text: &str) -> Result<Self, ParseIdError> {
        let bad = ParseIdError { prefix: "cap" };
        let hex = text.strip_prefix("cap_").ok_or_else(|| bad.clone())?;
        parse_hex(hex).map(Self).ok_or(bad)
    }
}

impl Serialize for ExchangeId {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for ExchangeId {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        text.parse().map_err(serde::de::Error::custom)
    }
}

/// What the natural keys of a conversation's facts are unique within (RULES 1).
///
/// `<vendor namespace>:<vendor's conversation id>` where a capture carries one, else `answer:…` derived from the
/// conversation's opening and the response id of its first answer, else `opening:…` until that answer is known.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct ConversationScope(String);

impl ConversationScope {
    /// The vendor's own conversation id, in the vendor's namespace (`claude-code`, `codex`, …).
    pub fn vendor(namespace: &str, conversation_id: &str) -> Self {
        Self(format!("{namespace}:{conversation_id}"))
    }

    /// A conversation without a vendor id, once its first answer is known. `opening` is the canonical hash of its
    /// opening messages: it keeps servers with constant response ids apart.
    pub fn answer(opening: &[u8; ID_LEN], response_id: &str) -> Self {
        Self(format!("answer:{}:{response_id}", hex(opening)))
    }

    /// A conversation without a vendor id and, so far, without a known answer.
    pub fn opening(position: &[u8; ID_LEN]) -> Self {
        Self(format!("opening:{}", hex(position)))
    }

    /// True while the conversation's first answer is not known, so that the scope may yet prove to be another's.
    pub fn is_provisional(&self) -> bool {
        self.0.starts_with("opening:")
    }

    /// True when the vendor named the conversation: such a scope never proves to be another's.
    pub fn is_named(&self) -> bool {
        !self.is_provisional() && !self.0.starts_with("answer:")
    }

    /// The scope as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl From<String> for ConversationScope {
    fn from(text: String) -> Self {
        Self(text)
    }
}

/// The hash behind all derived ids: BLAKE3 with a context of its own, each part preceded by its length.
pub fn hash_parts(context: &'static str, parts: &[&[u8]]) -> [u8; ID_LEN] {
    let mut hasher = blake3::Hasher::new_derive_key(context);
    for part in parts {
        hasher.update(&(part.len() as u64).to_le_bytes());
        hasher.update(part);
    }
    let mut id = [0; ID_LEN];
    id.copy_from_slice(&hasher.finalize().as_bytes()[..ID_LEN]);
    id
}

/// Lower-case hexadecimal digits.
pub fn hex(bytes: &[u8]) -> String {
    use fmt::Write;
    bytes.iter().fold(String::with_capacity(bytes.len() * 2), |mut text, byte| {
        let _ = write!(text, "{byte:02x}");
        text
    })
}

fn parse_hex(text: &str) -> Option<[u8; ID_LEN]> {
    let bytes = text.as_bytes();
    if bytes.len() != ID_LEN * 2 || !bytes.iter().all(u8::is_ascii_hexdigit) {
        return None;
    }
    let mut id = [0; ID_LEN];
    for (slot, pair) in id.iter_mut().zip(bytes.chunks_exact(2)) {
        *slot = u8::from_str_radix(std::str::from_utf8(pair).ok()?, 16).ok()?;
    }
    Some(id)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_id_reads_back_from_its_text() {
        let id = EventId::derive(&[b"a", b"b"]);
        assert_eq!(id.to_string().parse::<EventId>(), Ok(id));
        assert!("evt_zz".parse::<EventId>().is_err());
        assert!(id.to_string().replace("evt_", "ses_").parse::<EventId>().is_err());
    }

    #[test]
    fn parts_do_not_run_together() {
        assert_ne!(EventId::derive(&[b"ab", b"c"]), EventId::derive(&[b"a", b"bc"]));
        assert_ne!(EventId::derive(&[b"ab"]).0, SessionId::derive(&[b"ab"]).0);
    }
}
