//! Query parameters. What is wrong with one is said by name.

use std::str::FromStr;

use axum::extract::Query;
use http::Uri;
use ursa_model::capture::Channel;
use ursa_model::event::EventKind;
use ursa_model::ids::SessionId;
use ursa_model::session::SessionStatus;
use ursa_model::time::Timestamp;
use ursa_store::SessionFilter;

use crate::limits::{PAGE_DEFAULT, PAGE_MAX, PARAMETER_BYTES_LIMIT};
use crate::problem::Problem;

/// The query parameters of a request, each at most once. Those that a route does not know are left alone, so that
/// clients of a newer version work with an older one.
#[derive(Debug)]
pub(crate) struct Params(Vec<(String, String)>);

impl Params {
    pub(crate) fn read(uri: &Uri) -> Result<Self, Problem> {
        let Query(pairs) = Query::<Vec<(String, String)>>::try_from_uri(uri)
            .map_err(|_| Problem::invalid("query", "not of the form `name=value&…`"))?;
        for (index, (name, value)) in pairs.iter().enumerate() {
            let shown: String = name.chars().take(64).collect();
            if value.len() > PARAMETER_BYTES_LIMIT {
                return Err(Problem::invalid(&shown, format!("longer than {PARAMETER_BYTES_LIMIT} bytes")));
            }
            if pairs[..index].iter().any(|(earlier, _)| earlier == name) {
                return Err(Problem::invalid(&shown, "given twice"));
            }
        }
        Ok(Self(pairs))
    }

    /// A parameter as text; empty is the same as absent.
    pub(crate) fn text(&self, name: &str) -> Option<&str> {
        self.0.iter().find(|(key, _)| key == name).map(|(_, value)| value.as_str()).filter(|value| !value.is_empty())
    }

    pub(crate) fn parsed<T: FromStr>(&self, name: &str, expected: &str) -> Result<Option<T>, Problem> {
        self.text(name)
            .map(|value| value.parse().map_err(|_| Problem::invalid(name, format!("expected {expected}"))))
            .transpose()
    }

    /// Items of a page.
    pub(crate) fn limit(&self) -> Result<usize, Problem> {
        self.limit_of(PAGE_DEFAULT, PAGE_MAX)
    }

    /// `limit`, where `default` and `max` are not those of a page.
    pub(crate) fn limit_of(&self, default: usize, max: usize) -> Result<usize, Problem> {
        let limit = self.parsed("limit", "a number")?.unwrap_or(default);
        if (1..=max).contains(&limit) {
            Ok(limit)
        } else {
            Err(Problem::invalid("limit", format!("expected 1 to {max}")))
        }
    }

    pub(crate) fn cursor(&self) -> Option<&str> {
        self.text("cursor")
    }

    /// The filters of `/sessions` and `/search`, except `q`.
    pub(crate) fn filter(&self) -> Result<SessionFilter, Problem> {
        let owned = |name| self.text(name).map(str::to_owned);
        const TIME: &str = "a time such as 2026-11-23T08:00:00Z";
        Ok(SessionFilter {
            agent: owned("agent"),
            user: owned("user"),
            device: owned("device"),
            model: owned("model"),
            channel: self.text("channel").map(channel).transpose()?,
            tool: owned("tool"),
            mcp_server: owned("mcp_server"),
            from: self.parsed::<Timestamp>("from", TIME)?,
            to: self.parsed::<Timestamp>("to", TIME)?,
            q: None,
            status: self.text("status").map(status).transpose()?,
            session: self.parsed::<SessionId>("session", "a session's id")?,
            kind: self.text("kind").map(kind).transpose()?,
        })
    }
}

fn channel(text: &str) -> Result<Channel, Problem> {
    Channel::ALL
        .into_iter()
        .find(|channel| channel.as_str() == text)
        .ok_or_else(|| Problem::invalid("channel", "expected edge, hook, browser, otel, transcript, edr or scan"))
}

fn kind(text: &str) -> Result<EventKind, Problem> {
    // The names are those of the JSON.
    serde_json::from_value(serde_json::Value::String(text.to_owned()))
        .map_err(|_| Problem::invalid("kind", "expected an event's kind, such as prompt, completion or tool_call"))
}

fn status(text: &str) -> Result<SessionStatus, Problem> {
    match text {
        "active" => Ok(SessionStatus::Active),
        "ended" => Ok(SessionStatus::Ended),
        "idle" => Ok(SessionStatus::Idle),
        _ => Err(Problem::invalid("status", "expected active, ended or idle")),
    }
}
