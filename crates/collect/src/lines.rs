//! A decoded batch, cut into lines and checked one by one.

use serde::Serialize;
use serde_json::Value;
use ursa_model::capture::Channel;
use ursa_model::envelope::Envelope;
use uuid::Uuid;

use crate::limits::{
    BATCH_BYTES_MAX, BATCH_LINES_MAX, ENVELOPE_BYTES_MAX, NAME_BYTES_MAX, PATH_BYTES_MAX, SEQ_MAX, SOURCE_BYTES_MAX,
};

/// A line that holds an envelope.
#[derive(Debug, Clone)]
pub struct Line {
    /// Its number in the batch, from 1.
    pub number: usize,
    /// What it holds.
    pub envelope: Envelope,
}

/// A line that was not taken.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Rejected {
    /// Its number in the batch, from 1.
    pub line: usize,
    /// The envelope's id, where it could be read.
    pub id: Option<Uuid>,
    /// What is wrong with it, for a person. Holds nothing of the line's content.
    pub reason: String,
}

/// A batch that is not taken at all.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum LinesError {
    /// Longer than [`BATCH_BYTES_MAX`].
    #[error("a batch holds at most {BATCH_BYTES_MAX} bytes, decompressed")]
    TooLong,
    /// More than [`BATCH_LINES_MAX`] lines.
    #[error("a batch holds at most {BATCH_LINES_MAX} lines")]
    TooMany,
}

/// The lines of a decoded batch: envelopes, and what is wrong with the others. Empty lines are passed over.
///
/// # Errors
/// When the batch is beyond its bounds.
pub fn lines(batch: &[u8]) -> Result<(Vec<Line>, Vec<Rejected>), LinesError> {
    if batch.len() > BATCH_BYTES_MAX {
        return Err(LinesError::TooLong);
    }
    let (mut taken, mut rejected) = (Vec::new(), Vec::new());
    for (index, line) in batch.split(|byte| *byte == b'\n').enumerate() {
        let line = line.trim_ascii();
        if line.is_empty() {
            continue;
        }
        if taken.len() + rejected.len() == BATCH_LINES_MAX {
            return Err(LinesError::TooMany);
        }
        let number = index + 1;
        match envelope(line) {
            Ok(envelope) => taken.push(Line { number, envelope }),
            Err((id, reason)) => rejected.push(Rejected { line: number, id, reason }),
        }
    }
    Ok((taken, rejected))
}

fn envelope(line: &[u8]) -> Result<Envelope, (Option<Uuid>, String)> {
    if line.len() > ENVELOPE_BYTES_MAX {
        return Err((None, format!("an envelope holds at most {ENVELOPE_BYTES_MAX} bytes")));
    }
    let envelope: Envelope = serde_json::from_slice(line).map_err(|error| (id_of(line), reason(&error)))?;
    match wrong(&envelope) {
        Some(reason) => Err((Some(envelope.id), reason)),
        None => Ok(envelope),
    }
}

/// The id of a line that is no envelope, if it is JSON with one.
fn id_of(line: &[u8]) -> Option<Uuid> {
    let value: Value = serde_json::from_slice(line).ok()?;
    value.get("id")?.as_str()?.parse().ok()
}

/// What the parser found, without what it found it in.
fn reason(error: &serde_json::Error) -> String {
    use serde_json::error::Category;
    match error.classify() {
        // Tells of fields and types; a value is named only where a word of a fixed list was expected.
        Category::Data => {
            let text = error.to_string();
            let (text, _) = text.split_once(" at line ").unwrap_or((&text, ""));
            if let Some(field) = text.strip_prefix("missing field ") {
                return format!("the field {field} is missing");
            }
            if text.starts_with("unknown variant") {
                return "the channel is not known".to_owned();
            }
            if text.starts_with("expected a time") {
                return "`at` is not a time such as 2026-11-23T08:00:00Z".to_owned();
            }
            if text.starts_with("duplicate field") {
                return "a field is there twice".to_owned();
            }
            "a field is not of its type".to_owned()
        }
        Category::Eof => "the JSON ends too early".to_owned(),
        Category::Syntax | Category::Io => "not JSON".to_owned(),
    }
}

/// What is wrong with an envelope that could be read.
fn wrong(envelope: &Envelope) -> Option<String> {
    if envelope.channel == Channel::Edge {
        return Some("the channel `edge` is the server's own".to_owned());
    }
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"-_.".contains(&byte);
    if envelope.source.is_empty() || envelope.source.len() > SOURCE_BYTES_MAX || !envelope.source.bytes().all(plain) {
        return Some(format!("`source` is a name of at most {SOURCE_BYTES_MAX} letters, digits and - _ ."));
    }
    if envelope.seq.is_some_and(|seq| seq == 0 || seq > SEQ_MAX) {
        return Some(format!("`seq` is from 1 to {SEQ_MAX}"));
    }
    let meta = &envelope.meta;
    let texts = [
        ("event", &envelope.event, NAME_BYTES_MAX),
        ("meta.os_user", &meta.os_user, NAME_BYTES_MAX),
        ("meta.agent_version", &meta.agent_version, NAME_BYTES_MAX),
        ("meta.sender_version", &meta.sender_version, NAME_BYTES_MAX),
        ("meta.cwd", &meta.cwd, PATH_BYTES_MAX),
    ];
    texts
        .into_iter()
        .find(|(_, text, limit)| text.as_ref().is_some_and(|text| text.len() > *limit))
        .map(|(name, _, limit)| format!("`{name}` holds at most {limit} bytes"))
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::*;

    fn line(change: impl FnOnce(&mut Value)) -> String {
        let mut value = serde_json::json!({
            "id": "6a0f3a52-9a53-4a59-8d5e-1d7a5f2f9a01", "channel": "hook", "source": "claude-code",
            "event": "PreToolUse", "at": "2026-11-23T08:00:00Z", "seq": 1, "meta": {}, "body": {"a": 1},
        });
        change(&mut value);
        value.to_string()
    }

    fn reason_of(change: impl FnOnce(&mut Value)) -> String {
        let (taken, rejected) = lines(line(change).as_bytes()).unwrap();
        assert!(taken.is_empty());
        rejected[0].reason.clone()
    }

    #[test]
    fn a_bad_line_costs_only_itself() {
        let good = line(|_| ());
        let batch =
            format!("{good}\r\n\n{{\"id\": \"6a0f3a52-9a53-4a59-8d5e-1d7a5f2f9a02\"}}\n{{\n\u{1}{good}\n{good}");
        let (taken, rejected) = lines(batch.as_bytes()).unwrap();
        assert_eq!(taken.iter().map(|line| line.number).collect::<Vec<_>>(), [1, 6]);
        assert_eq!(rejected.iter().map(|bad| bad.line).collect::<Vec<_>>(), [3, 4, 5]);
        assert_eq!(rejected[0].id.unwrap().to_string(), "6a0f3a52-9a53-4a59-8d5e-1d7a5f2f9a02");
        assert_eq!(rejected[0].reason, "the field `channel` is missing");
        assert_eq!((rejected[1].id, rejected[1].reason.as_str()), (None, "the JSON ends too early"));
        assert_eq!(rejected[2].reason, "not JSON");
    }

    #[test]
    fn what_is_wrong_is_told_without_the_content() {
        assert_eq!(reason_of(|line| line["channel"] = "secret".into()), "the channel is not known");
        assert_eq!(reason_of(|line| line["channel"] = "edge".into()), "the channel `edge` is the server's own");
        assert_eq!(reason_of(|line| line["at"] = "secret".into()), "`at` is not a time such as 2026-11-23T08:00:00Z");
        assert_eq!(reason_of(|line| line["id"] = "secret".into()), "a field is not of its type");
        assert_eq!(reason_of(|line| line["meta"] = "secret".into()), "a field is not of its type");
        assert!(reason_of(|line| line["source"] = "a secret".into()).starts_with("`source`"));
        assert!(reason_of(|line| line["seq"] = 0.into()).starts_with("`seq`"));
        assert!(reason_of(|line| line["meta"]["cwd"] = "x".repeat(9000).into()).starts_with("`meta.cwd`"));
        let twice = line(|_| ()).replacen('{', "{\"seq\":2,", 1);
        assert_eq!(lines(twice.as_bytes()).unwrap().1[0].reason, "a field is there twice");
    }

    #[test]
    fn bounds_hold() {
        let long = line(|line| line["body"] = "x".repeat(ENVELOPE_BYTES_MAX).into());
        let (taken, rejected) = lines(format!("{long}\n{}", line(|_| ())).as_bytes()).unwrap();
        assert_eq!((taken.len(), rejected.len(), rejected[0].id), (1, 1, None));
        let fits = line(|line| line["body"] = "x".repeat(ENVELOPE_BYTES_MAX - 400).into());
        assert_eq!(lines(fits.as_bytes()).unwrap().0.len(), 1);
        assert_eq!(lines(&vec![b' '; BATCH_BYTES_MAX + 1]).err(), Some(LinesError::TooLong));
        assert_eq!(lines("x\n".repeat(BATCH_LINES_MAX).as_bytes()).unwrap().1.len(), BATCH_LINES_MAX);
        assert_eq!(lines("x\n".repeat(BATCH_LINES_MAX + 1).as_bytes()).err(), Some(LinesError::TooMany));
    }

    #[test]
    fn any_json_is_a_body() {
        for body in [Value::Null, "text".into(), 1.into(), serde_json::json!([1, {"b": null}])] {
            let text = line(|line| line["body"] = body.clone());
            assert_eq!(lines(text.as_bytes()).unwrap().0[0].envelope.body.get(), body.to_string());
        }
        let deep = line(|_| ()).replace("{\"a\":1}", &format!("{}{}", "[".repeat(100_000), "]".repeat(100_000)));
        assert_eq!(lines(deep.as_bytes()).unwrap().0.len(), 1);
    }
}
