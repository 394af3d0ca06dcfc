//! Which values of a request are credentials.

use ursa_adapters::route::{is_credential_header, is_credential_query};
use ursa_model::capture::CredentialMark;
use uuid::Uuid;

use crate::http1::head::Fields;
use crate::mask::Needles;

/// Bytes of a mark's MAC.
const MAC_LEN: usize = 16;

/// The credential values of a request: of credential headers (for `authorization` also the part after the scheme),
/// cookies, credential query parameters (as they came and decoded), and the key of the path form.
pub(crate) fn values(fields: &Fields, query: Option<&str>, path_key: Option<&str>) -> Vec<Vec<u8>> {
    let mut values: Vec<Vec<u8>> = Vec::new();
    for line in fields.lines() {
        if !is_credential_header(line.name) {
            continue;
        }
        let value = line.value;
        values.push(value.to_vec());
        match line.name {
            "authorization" | "proxy-authorization" => {
                let after_scheme = value.iter().position(|byte| *byte == b' ').map(|at| &value[at..]);
                values.extend(after_scheme.map(|part| part.trim_ascii().to_vec()));
            }
            "cookie" => {
                let cookies = value.split(|byte| *byte == b';');
                values.extend(cookies.filter_map(|cookie| {
                    cookie.iter().position(|byte| *byte == b'=').map(|at| cookie[at + 1..].trim_ascii().to_vec())
                }));
            }
            _ => {}
        }
    }
    for (name, value) in query.into_iter().flat_map(pairs) {
        if is_credential_query(&percent_decoded_lossy(name)) {
            values.push(value.as_bytes().to_vec());
            values.push(percent_decoded(value));
        }
    }
    if let Some(key) = path_key {
        values.push(key.as_bytes().to_vec());
        values.push(percent_decoded(key));
    }
    values
}

/// Marks by which the pipeline finds the values in bodies that it decodes.
pub(crate) fn marks(needles: Option<&Needles>, masking_key: &[u8; 32]) -> Vec<CredentialMark> {
    let values = needles.map_or(&[][..], Needles::values);
    let mac = |value: &[u8]| {
        let mut mac = [0; MAC_LEN];
        mac.copy_from_slice(&blake3::keyed_hash(masking_key, value).as_bytes()[..MAC_LEN]);
        // 16 bytes are 32 digits, as those of a UUID.
        Uuid::from_bytes(mac).simple().to_string()
    };
    values.iter().map(|value| CredentialMark { len: value.len(), mac: mac(value) }).collect()
}

/// `name=value` pairs of a query, not decoded; a name alone has the empty value.
pub(crate) fn pairs(query: &str) -> impl Iterator<Item = (&str, &str)> {
    query.split('&').filter(|pair| !pair.is_empty()).map(|pair| pair.split_once('=').unwrap_or((pair, "")))
}

/// Decoded for reading; what is not UTF-8 is replaced.
pub(crate) fn percent_decoded_lossy(text: &str) -> String {
    String::from_utf8_lossy(&percent_decoded(text)).into_owned()
}

fn percent_decoded(text: &str) -> Vec<u8> {
    let bytes = text.as_bytes();
    let mut out = Vec::with_capacity(bytes.len());
    let mut at = 0;
    while let Some(byte) = bytes.get(at) {
        let digits = bytes.get(at + 1..at + 3).filter(|pair| *byte == b'%' && pair.iter().all(u8::is_ascii_hexdigit));
        let decoded = digits.and_then(|pair| u8::from_str_radix(std::str::from_utf8(pair).ok()?, 16).ok());
        out.push(decoded.unwrap_or(*byte));
        at += if decoded.is_some() { 3 } else { 1 };
    }
    out
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn every_place_of_a_credential_is_known() {
        let mut headers = http::HeaderMap::new();
        headers.insert("authorization", "Bearer  secret-1".parse().unwrap());
        headers.append("x-api-key", "secret-2".parse().unwrap());
        headers.append("cookie", "a=secret-3; b=secret-4".parse().unwrap());
        headers.append("user-agent", "not-secret".parse().unwrap());
        let found = values(&Fields::from_map(&headers), Some("x=plain-1&key=secret%2D5"), Some("secret-6"));
        for secret in ["secret-1", "secret-2", "secret-3", "secret-4", "secret-5", "secret%2D5", "secret-6"] {
            assert!(found.contains(&secret.as_bytes().to_vec()), "{secret}");
        }
        for plain in ["not-secret", "plain-1"] {
            assert!(!found.contains(&plain.as_bytes().to_vec()), "{plain}");
        }
    }

    #[test]
    fn a_mark_is_length_and_mac_in_digits() {
        let needles = Needles::new(vec![b"secret-1".to_vec()]);
        let marks = marks(needles.as_deref(), &[7; 32]);
        let mac = ursa_model::ids::hex(&blake3::keyed_hash(&[7; 32], b"secret-1").as_bytes()[..MAC_LEN]);
        assert_eq!(marks, [CredentialMark { len: 8, mac }]);
    }

    #[test]
    fn decoding_leaves_what_is_no_escape() {
        assert_eq!(percent_decoded_lossy("a%2fb%2"), "a/b%2");
        assert_eq!(percent_decoded_lossy("%zz%+1%"), "%zz%+1%");
    }
}
