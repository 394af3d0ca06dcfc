//! What the handshake agreed on.

/// Terms of per-message compression, as the answer to the handshake names them.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Compression {
    /// The client begins each message anew.
    pub client_no_context_takeover: bool,
    /// The server begins each message anew.
    pub server_no_context_takeover: bool,
    /// The client's window, as a power of two.
    pub client_window_bits: Option<u8>,
    /// The server's window, as a power of two.
    pub server_window_bits: Option<u8>,
}

/// Reads `sec-websocket-extensions` of the answer. `None` when messages are not compressed.
///
/// Window sizes are told but need no heed: a decompressor with the largest window reads what any smaller one wrote.
pub fn negotiated(extensions: &str) -> Option<Compression> {
    extensions.split(',').find_map(|extension| {
        let mut parameters = extension.split(';').map(str::trim);
        if !parameters.next()?.eq_ignore_ascii_case("permessage-deflate") {
            return None;
        }
        let mut agreed = Compression::default();
        for parameter in parameters {
            let (name, value) = parameter.split_once('=').unwrap_or((parameter, ""));
            let bits = || value.trim().trim_matches('"').parse().ok().filter(|bits| (8..=15).contains(bits));
            match name.trim().to_ascii_lowercase().as_str() {
                "client_no_context_takeover" => agreed.client_no_context_takeover = true,
                "server_no_context_takeover" => agreed.server_no_context_takeover = true,
                "client_max_window_bits" => agreed.client_window_bits = bits(),
                "server_max_window_bits" => agreed.server_window_bits = bits(),
                _ => {}
            }
        }
        Some(agreed)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_answer_tells_what_was_agreed() {
        assert_eq!(negotiated(""), None);
        assert_eq!(negotiated("x-other; a=b"), None);
        assert_eq!(negotiated("permessage-deflate"), Some(Compression::default()));
        let all = "x-other, PerMessage-Deflate; client_no_context_takeover; server_no_context_takeover; \
                   client_max_window_bits=12 ; server_max_window_bits=\"9\"";
        let expected = Compression {
            client_no_context_takeover: true,
            server_no_context_takeover: true,
            client_window_bits: Some(12),
            server_window_bits: Some(9),
        };
        assert_eq!(negotiated(all), Some(expected));
        assert_eq!(
            negotiated("permessage-deflate; server_max_window_bits=99").unwrap_or_default().server_window_bits,
            None
        );
    }
}
