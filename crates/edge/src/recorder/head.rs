//! The heads of an exchange as they are written: [`CaptureHead`](ursa_model::capture::CaptureHead) and
//! [`ResponseHead`](ursa_model::capture::ResponseHead) with what they hold borrowed from the message, since copying each
//! header would cost more than writing it down.

use std::borrow::Cow;

use serde::Serialize;
use ursa_model::EnvironmentId;
use ursa_model::capture::{CredentialMark, Principal};

/// Names in lower case and values, in order.
pub(crate) type Fields<'a> = Vec<(&'a str, Cow<'a, str>)>;

/// What was asked, by whom.
#[derive(Debug, Serialize)]
pub(crate) struct RequestHead<'a> {
    pub(crate) version: u32,
    pub(crate) environment: EnvironmentId,
    pub(crate) principal: &'a Principal,
    pub(crate) upstream: &'a str,
    pub(crate) protocol: &'a str,
    pub(crate) method: &'a str,
    pub(crate) path: Cow<'a, str>,
    pub(crate) query: Vec<(String, String)>,
    pub(crate) headers: Fields<'a>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) reported_user: Option<Cow<'a, str>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) reported_device: Option<Cow<'a, str>>,
    pub(crate) bodies_kept: bool,
    pub(crate) upgrade: bool,
    pub(crate) credentials: Vec<CredentialMark>,
}

/// The upstream's answer began.
#[derive(Debug, Serialize)]
pub(crate) struct AnswerHead<'a> {
    pub(crate) status: u16,
    pub(crate) headers: Fields<'a>,
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use ursa_model::capture::{CaptureHead, ResponseHead};

    use super::*;

    #[test]
    fn what_is_written_is_what_the_model_reads_and_would_write() {
        let principal = Principal::Key { id: "k1".to_owned() };
        for reported in [None, Some("me")] {
            let head = RequestHead {
                version: 1,
                environment: EnvironmentId::default_environment(),
                principal: &principal,
                upstream: "anthropic",
                protocol: "anthropic-messages",
                method: "POST",
                path: "/v1/messages".into(),
                query: vec![("beta".to_owned(), "true".to_owned())],
                headers: vec![("user-agent", "x \"y\"\n".into())],
                reported_user: reported.map(Cow::Borrowed),
                reported_device: reported.map(Cow::Borrowed),
                bodies_kept: true,
                upgrade: false,
                credentials: vec![CredentialMark { len: 8, mac: "00".to_owned() }],
            };
            let text = serde_json::to_string(&head).unwrap();
            let read: CaptureHead = serde_json::from_str(&text).unwrap();
            assert_eq!(serde_json::to_string(&read).unwrap(), text);
        }
        let answer = AnswerHead { status: 200, headers: vec![("request-id", "1".into())] };
        let text = serde_json::to_string(&answer).unwrap();
        let read: ResponseHead = serde_json::from_str(&text).unwrap();
        assert_eq!(serde_json::to_string(&read).unwrap(), text);
    }
}
