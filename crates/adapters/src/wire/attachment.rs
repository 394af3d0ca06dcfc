//! Attachments as the protocols give them.

use ursa_model::message::Part;

use super::json::base64_bytes;

/// An attachment given as a `data:` URL, as bare base64, or by a URL; `reference` is what else may tell where it is.
pub(super) fn by_url(kind: &str, told: &str, name: Option<String>, reference: Option<String>) -> Part {
    let by_reference = ["http://", "https://", "gs://"].iter().any(|scheme| told.starts_with(scheme));
    let (media_type, encoded) = match told.strip_prefix("data:").and_then(|rest| rest.split_once(',')) {
        Some((head, encoded)) => (head.split(';').next().filter(|head| !head.is_empty()), encoded),
        None => (None, if by_reference { "" } else { told }),
    };
    Part::Attachment {
        kind: kind.to_owned(),
        media_type: media_type.map(str::to_owned),
        name,
        bytes: base64_bytes(encoded),
        reference: by_reference.then(|| told.to_owned()).or(reference),
    }
}

/// The kind of attachment that a media type means.
pub(super) fn kind_of(media_type: &str) -> &'static str {
    match media_type.split('/').next().unwrap_or_default() {
        "image" => "image",
        "audio" => "audio",
        "video" => "video",
        _ if media_type == "application/pdf" => "document",
        _ => "file",
    }
}
