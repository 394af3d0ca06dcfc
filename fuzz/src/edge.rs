//! What must hold for any bytes that a client or an upstream sends.

/// As the beginning of a message, and what follows it.
pub fn http1_head(bytes: &[u8]) {
    ursa_edge::http1_check::head(bytes);
}

/// As a body of chunks.
pub fn http1_chunks(bytes: &[u8]) {
    ursa_edge::http1_check::chunks(bytes);
}

/// As the configuration of an upstream: what is read can be written and read again.
pub fn upstream(bytes: &[u8]) {
    let Ok(text) = std::str::from_utf8(bytes) else { return };
    if let Ok(upstream) = text.parse::<ursa_edge::UpstreamConfig>() {
        let again = format!("{}={}+{}", upstream.name, upstream.protocol.as_str(), upstream.url);
        assert_eq!(again.parse(), Ok(upstream));
    }
}
