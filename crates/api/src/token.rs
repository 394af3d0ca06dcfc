//! Tokens: how their secrets are made and hashed. Only hashes are stored.

use aws_lc_rs::rand::{SecureRandom, SystemRandom};
use ursa_model::ids::hex;
use ursa_model::time::Timestamp;
use ursa_store::{AccessStore, Role, StoreError, TokenInfo};

use crate::limits::{SIGNIN_LINK_MICROS, UI_SESSION_MICROS};

/// What the secret of every token begins with, so that secret scanners know one when they see it.
const PREFIX: &str = "ursa_";
/// What the secret of a sign-in link begins with. Never accepted as a bearer token: looking it up would use it up.
const SIGNIN_PREFIX: &str = "ursa_signin_";
/// Random bytes in a secret.
const SECRET_BYTES: usize = 32;
/// Random bytes in a token's id.
const TOKEN_ID_BYTES: usize = 8;
/// Random bytes in any other id.
const ID_BYTES: usize = 16;

/// The hash under which a secret is stored and found. The secret has 256 random bits, so that a plain hash will do.
pub fn hash_token(secret: &str) -> [u8; 32] {
    *blake3::hash(secret.as_bytes()).as_bytes()
}

/// A new secret, `ursa_` and 32 random bytes as base64url, and its hash.
///
/// # Errors
/// [`StoreError::Backend`] when the system gives no random bytes.
pub fn new_token() -> Result<(String, [u8; 32]), StoreError> {
    new_secret(PREFIX)
}

/// As [`new_token`], with another prefix.
///
/// # Errors
/// As [`new_token`].
pub fn new_secret(prefix: &str) -> Result<(String, [u8; 32]), StoreError> {
    let secret = format!("{prefix}{}", base64url(&random::<SECRET_BYTES>()?));
    let hash = hash_token(&secret);
    Ok((secret, hash))
}

/// Makes a token for the API and returns it with its secret, which is stored nowhere.
///
/// # Errors
/// When the store or the source of randomness fails.
pub fn issue_token(
    store: &dyn AccessStore,
    role: Role,
    expires_at: Option<Timestamp>,
    now: Timestamp,
) -> Result<(TokenInfo, String), StoreError> {
    let id = format!("tok_{}", hex(&random::<TOKEN_ID_BYTES>()?));
    let (secret, hash) = new_token()?;
    let info = TokenInfo { id, role, created_at: now, expires_at };
    store.add_token(&info, &hash, false)?;
    Ok((info, secret))
}

/// Makes the one-time secret of a sign-in link, `/signin?token=…`, for a browser session with the role of an admin.
/// It works once, within [`SIGNIN_LINK_MICROS`].
///
/// # Errors
/// When the store or the source of randomness fails.
pub fn issue_signin_token(store: &dyn AccessStore, now: Timestamp) -> Result<String, StoreError> {
    let id = format!("link_{}", hex(&random::<TOKEN_ID_BYTES>()?));
    let (secret, hash) = new_secret(SIGNIN_PREFIX)?;
    let info =
        TokenInfo { id, role: Role::Admin, created_at: now, expires_at: Some(now.plus_micros(SIGNIN_LINK_MICROS)) };
    store.add_token(&info, &hash, true)?;
    Ok(secret)
}

/// Makes the server-side session of a signed-in browser, no longer than what it was signed in with.
pub(crate) fn issue_ui_session(
    store: &dyn AccessStore,
    role: Role,
    not_after: Option<Timestamp>,
    now: Timestamp,
) -> Result<(TokenInfo, String), StoreError> {
    let id = format!("ui:{}", hex(&random::<TOKEN_ID_BYTES>()?));
    let (secret, hash) = new_token()?;
    let longest = now.plus_micros(UI_SESSION_MICROS);
    let expires_at = Some(not_after.map_or(longest, |end| end.min(longest)));
    let info = TokenInfo { id, role, created_at: now, expires_at };
    store.add_token(&info, &hash, false)?;
    Ok((info, secret))
}

/// Whether a secret belongs to a sign-in link.
pub(crate) fn is_signin_secret(secret: &str) -> bool {
    secret.starts_with(SIGNIN_PREFIX)
}

/// Whether a secret has the form of one of ours; others need no look-up.
pub(crate) fn is_token_secret(secret: &str) -> bool {
    secret.starts_with(PREFIX) && !is_signin_secret(secret)
}

/// A new id that nobody can guess: the prefix and 16 random bytes as hexadecimal digits.
///
/// # Errors
/// As [`new_token`].
pub fn new_id(prefix: &str) -> Result<String, StoreError> {
    Ok(format!("{prefix}{}", hex(&random::<ID_BYTES>()?)))
}

fn random<const N: usize>() -> Result<[u8; N], StoreError> {
    let mut bytes = [0; N];
    SystemRandom::new().fill(&mut bytes).map_err(|_| StoreError::Backend("no random bytes".to_owned()))?;
    Ok(bytes)
}

/// Base64url without padding (RFC 4648, section 5).
fn base64url(bytes: &[u8]) -> String {
    const ALPHABET: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
    let mut text = String::with_capacity(bytes.len().div_ceil(3) * 4);
    for chunk in bytes.chunks(3) {
        let mut group = [0; 3];
        group[..chunk.len()].copy_from_slice(chunk);
        let bits = u32::from_be_bytes([0, group[0], group[1], group[2]]);
        for place in 0..=chunk.len() {
            text.push(char::from(ALPHABET[(bits >> (18 - 6 * place)) as usize & 63]));
        }
    }
    text
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn base64url_gives_the_vectors_of_the_rfc() {
        for (bytes, text) in [("", ""), ("f", "Zg"), ("fo", "Zm8"), ("foo", "Zm9v"), ("foobar", "Zm9vYmFy")] {
            assert_eq!(base64url(bytes.as_bytes()), text);
        }
        assert_eq!(base64url(&[0xfb, 0xff]), "-_8");
    }

    #[test]
    fn secrets_differ_and_hash_to_what_is_stored() {
        let (secret, hash) = new_token().unwrap();
        assert_ne!(secret, new_token().unwrap().0);
        assert_eq!(secret.len(), "ursa_".len() + 43);
        assert_eq!(hash, hash_token(&secret));
        assert!(is_token_secret(&secret) && !is_signin_secret(&secret));
    }
}
