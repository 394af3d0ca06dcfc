//! Any text as an upstream's configuration: used as it says, or refused.

use proptest::prelude::*;
use ursa_edge::UpstreamConfig;

proptest! {
    #[test]
    fn any_text_is_read_or_refused(text in prop_oneof![
        "\\PC{0,60}",
        "[a-z.]{0,4}=?(openai-chat|gemini|x)?[+]?(http|https|ftp)?:?/{0,3}[a-z@:0-9\\[\\]]{0,8}[/?#%a-z]{0,8}",
    ]) {
        if let Ok(upstream) = text.parse::<UpstreamConfig>() {
            prop_assert!(text.starts_with(&upstream.name) && text.ends_with(&upstream.url));
            let again = format!("{}={}+{}", upstream.name, upstream.protocol.as_str(), upstream.url);
            prop_assert_eq!(again.parse::<UpstreamConfig>(), Ok(upstream));
        }
    }
}
