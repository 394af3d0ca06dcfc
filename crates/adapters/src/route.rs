//! What the edge may know of the protocols: built-in upstreams, which routes keep their bodies, which header and query
//! names may be written down, and the shape of each protocol's errors.

/// Wire protocols by the names used in configuration (`--upstream lab=openai-chat+http://…`).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Protocol {
    /// `anthropic-messages`
    AnthropicMessages,
    /// `openai-responses` and, under the same base URL, Chat Completions and the rest of that API.
    OpenAi,
    /// `openai-chat`
    OpenAiChat,
    /// `gemini`
    Gemini,
    /// `unknown`: forwarded and counted, never parsed.
    Unknown,
}

impl Protocol {
    /// Every protocol that may be named.
    pub const ALL: [Self; 5] = [Self::AnthropicMessages, Self::OpenAi, Self::OpenAiChat, Self::Gemini, Self::Unknown];

    /// The name in configuration and in captures.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::AnthropicMessages => "anthropic-messages",
            Self::OpenAi => "openai-responses",
            Self::OpenAiChat => "openai-chat",
            Self::Gemini => "gemini",
            Self::Unknown => "unknown",
        }
    }

    /// The protocol of that name.
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|protocol| protocol.as_str() == name)
    }
}

/// An upstream that needs no configuration.
#[derive(Debug, Clone, Copy)]
pub struct BuiltInUpstream {
    /// The `{upstream}` of `/edge/{upstream}/…`.
    pub name: &'static str,
    /// Its wire protocol.
    pub protocol: Protocol,
    /// Where it is, without a trailing slash.
    pub url: &'static str,
}

/// The built-in upstreams.
pub const BUILT_IN_UPSTREAMS: [BuiltInUpstream; 4] = [
    BuiltInUpstream { name: "anthropic", protocol: Protocol::AnthropicMessages, url: "https://api.anthropic.com" },
    BuiltInUpstream { name: "openai", protocol: Protocol::OpenAi, url: "https://api.openai.com" },
    BuiltInUpstream { name: "chatgpt", protocol: Protocol::OpenAi, url: "https://chatgpt.com/backend-api/codex" },
    BuiltInUpstream { name: "gemini", protocol: Protocol::Gemini, url: "https://generativelanguage.googleapis.com" },
];

/// What a route is, by protocol, method and path under the upstream. The last segments decide, so that a base URL with
/// a prefix of its own (`…/proxy/v1/messages`) is known too.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Route {
    /// `POST …/messages`
    AnthropicMessages,
    /// `POST …/messages/count_tokens`
    AnthropicCountTokens,
    /// `POST …:generateContent`
    GeminiGenerate,
    /// `POST …:streamGenerateContent`
    GeminiStream,
    /// `POST …:countTokens`
    GeminiCountTokens,
    /// `POST …/chat/completions`
    OpenAiChat,
    /// `POST …/responses`
    OpenAiResponses,
    /// `POST …/responses/compact`
    OpenAiCompact,
}

impl Route {
    /// The route, if an adapter knows it.
    pub fn find(protocol: Protocol, method: &str, path: &str) -> Option<Self> {
        if method != "POST" {
            return None;
        }
        let path = path.trim_end_matches('/');
        let ends = |tail: &str| path == tail || path.ends_with(tail) && path[..path.len() - tail.len()].ends_with('/');
        match protocol {
            Protocol::AnthropicMessages if ends("messages/count_tokens") => Some(Self::AnthropicCountTokens),
            Protocol::AnthropicMessages if ends("messages") => Some(Self::AnthropicMessages),
            Protocol::AnthropicMessages if is_bedrock(path) => Some(Self::AnthropicMessages),
            Protocol::AnthropicMessages | Protocol::Gemini if claude_on_vertex(path).is_some() => {
                claude_on_vertex(path)
            }
            Protocol::OpenAi | Protocol::OpenAiChat if ends("responses") => Some(Self::OpenAiResponses),
            Protocol::OpenAi | Protocol::OpenAiChat if ends("responses/compact") => Some(Self::OpenAiCompact),
            // Every provider has it beside its own protocol, for programs that were written for another.
            Protocol::Unknown => None,
            _ if ends("chat/completions") => Some(Self::OpenAiChat),
            Protocol::Gemini => match method_in_path(path)?.1 {
                "generateContent" => Some(Self::GeminiGenerate),
                "streamGenerateContent" => Some(Self::GeminiStream),
                "countTokens" => Some(Self::GeminiCountTokens),
                _ => None,
            },
            _ => None,
        }
    }

    /// Whether all it asks for is a count of tokens.
    pub const fn counts_tokens(self) -> bool {
        matches!(self, Self::AnthropicCountTokens | Self::GeminiCountTokens)
    }
}

/// Anthropic's protocol on Vertex AI: `…/publishers/anthropic/models/{model}:rawPredict`.
fn claude_on_vertex(path: &str) -> Option<Route> {
    let (model, "rawPredict" | "streamRawPredict") = method_in_path(path)? else { return None };
    let route = if model == "count-tokens" { Route::AnthropicCountTokens } else { Route::AnthropicMessages };
    path.contains("/publishers/anthropic/models/").then_some(route)
}

/// Bedrock's `/model/{model}/invoke`. That the model is Claude is what the upstream's protocol says.
fn is_bedrock(path: &str) -> bool {
    let mut last = path.rsplit('/');
    matches!(last.next(), Some("invoke" | "invoke-with-response-stream")) && last.nth(1) == Some("model")
}

/// Whether it is the path that asks for a stream, not the body.
pub(crate) fn streams_by_path(path: &str) -> bool {
    let path = path.trim_end_matches('/');
    path.ends_with("/invoke-with-response-stream")
        || matches!(method_in_path(path), Some((_, "streamGenerateContent" | "streamRawPredict")))
}

/// The cloud that a path belongs to, in OpenTelemetry's words.
pub(crate) fn cloud_in_path(path: &str) -> Option<&'static str> {
    if path.contains("/publishers/") && path.contains("/projects/") {
        Some("gcp.vertex_ai")
    } else if path.contains("/openai/deployments/") {
        Some("azure.ai.openai")
    } else {
        is_bedrock(path.trim_end_matches('/')).then_some("aws.bedrock")
    }
}

/// Google's way to name a method: `…/models/{model}:{method}`, or `…/v1internal:{method}`.
fn method_in_path(path: &str) -> Option<(&str, &str)> {
    let last = path.rsplit('/').next()?;
    ["%3A", "%3a", ":"].into_iter().find_map(|colon| last.rsplit_once(colon))
}

/// Folders of models in Google's paths.
const MODEL_FOLDERS: &[&str] = &["models", "tunedModels", "endpoints"];

/// The model that a path names: Azure's `…/deployments/{deployment}/…`, Bedrock's `/model/{model}/…`, Gemini's
/// `…/models/{model}:{method}`.
pub fn model_in_path(path: &str) -> Option<String> {
    let named = match method_in_path(path) {
        Some((model, _)) => path.rsplit('/').nth(1).filter(|folder| MODEL_FOLDERS.contains(folder)).map(|_| model),
        None => path.split('/').skip_while(|segment| !matches!(*segment, "deployments" | "model")).nth(1),
    };
    // The one sign in models' names that clients escape.
    named.filter(|name| !name.is_empty()).map(|name| name.replace("%3A", ":").replace("%3a", ":"))
}

/// Request headers that may be written down: what tells agent, session and route. Everything else is never recorded.
const REQUEST_HEADERS: &[&str] = &[
    "accept",
    "anthropic-beta",
    "anthropic-version",
    "content-encoding",
    "content-length",
    "content-type",
    "expect",
    "http-referer",
    "openai-beta",
    "originator",
    "session-id",
    "thread-id",
    "traceparent",
    "transfer-encoding",
    "upgrade",
    "user-agent",
    "x-app",
    "x-claude-code-agent-id",
    "x-claude-code-session-id",
    "x-client-request-id",
    "x-codex-parent-thread-id",
    "x-codex-turn-metadata",
    "x-codex-window-id",
    "x-goog-api-client",
    "x-initiator",
    "x-interaction-type",
    "x-openai-subagent",
    "x-parent-session-id",
    "x-session-affinity",
    "x-session-id",
    "x-stainless-arch",
    "x-stainless-helper-method",
    "x-stainless-lang",
    "x-stainless-os",
    "x-stainless-package-version",
    "x-stainless-retry-count",
    "x-stainless-runtime",
    "x-stainless-runtime-version",
    "x-stainless-timeout",
    "x-title",
];

/// Response headers that may be written down.
const RESPONSE_HEADERS: &[&str] = &[
    "anthropic-organization-id",
    "content-encoding",
    "content-length",
    "content-type",
    "openai-model",
    "openai-processing-ms",
    "request-id",
    "retry-after",
    "sec-websocket-extensions",
    "transfer-encoding",
    "x-request-id",
    "x-should-retry",
];

/// Query parameters that may be written down.
const QUERY: &[&str] = &["alt", "api-version", "beta", "client_version"];

/// Header names that carry credentials: their values are masked wherever they turn up in this request's own bodies.
const CREDENTIAL_HEADERS: &[&str] = &[
    "api-key",
    "authorization",
    "cookie",
    "openai-organization-key",
    "proxy-authorization",
    "x-api-key",
    "x-goog-api-key",
    "x-ursa-key",
];

/// Query parameters that carry credentials.
const CREDENTIAL_QUERY: &[&str] = &["access_token", "api_key", "api-key", "key", "token"];

/// May a request header of this (lower-case) name be recorded?
pub fn records_request_header(name: &str) -> bool {
    REQUEST_HEADERS.contains(&name)
}

/// May a response header of this (lower-case) name be recorded?
pub fn records_response_header(name: &str) -> bool {
    RESPONSE_HEADERS.contains(&name)
}

/// May a query parameter of this name be recorded?
pub fn records_query(name: &str) -> bool {
    QUERY.contains(&name)
}

/// Does a header of this (lower-case) name carry a credential?
pub fn is_credential_header(name: &str) -> bool {
    CREDENTIAL_HEADERS.contains(&name)
}

/// Does a query parameter of this name carry a credential?
pub fn is_credential_query(name: &str) -> bool {
    CREDENTIAL_QUERY.iter().any(|known| known.eq_ignore_ascii_case(name))
}

/// Error of the edge itself in the protocol's own shape, as JSON. `kind` is a short snake_case code, `message` a plain
/// sentence without secrets.
pub fn error_body(protocol: Protocol, status: u16, kind: &str, message: &str) -> Vec<u8> {
    let value = match protocol {
        Protocol::AnthropicMessages => serde_json::json!({
            "type": "error", "error": {"type": anthropic_error_type(status), "message": message}, "request_id": null
        }),
        Protocol::OpenAi | Protocol::OpenAiChat | Protocol::Unknown => serde_json::json!({
            "error": {"message": message, "type": openai_error_type(status), "param": null, "code": kind}
        }),
        Protocol::Gemini => serde_json::json!({
            "error": {"code": status, "message": message, "status": google_status(status)}
        }),
    };
    value.to_string().into_bytes()
}

/// Source: Anthropic's API reference, "Errors".
const fn anthropic_error_type(status: u16) -> &'static str {
    match status {
        400 => "invalid_request_error",
        401 => "authentication_error",
        403 => "permission_error",
        404 => "not_found_error",
        413 => "request_too_large",
        429 => "rate_limit_error",
        529 => "overloaded_error",
        _ => "api_error",
    }
}

const fn openai_error_type(status: u16) -> &'static str {
    match status {
        400..=499 => "invalid_request_error",
        _ => "server_error",
    }
}

/// Source: google.rpc.Code and its HTTP mapping.
const fn google_status(status: u16) -> &'static str {
    match status {
        400 | 413 => "INVALID_ARGUMENT",
        401 => "UNAUTHENTICATED",
        403 => "PERMISSION_DENIED",
        404 => "NOT_FOUND",
        429 => "RESOURCE_EXHAUSTED",
        502..=504 => "UNAVAILABLE",
        _ => "INTERNAL",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn routes_are_known_by_their_last_segments() {
        let find = |protocol, path| Route::find(protocol, "POST", path);
        assert_eq!(find(Protocol::AnthropicMessages, "/v1/messages"), Some(Route::AnthropicMessages));
        assert_eq!(find(Protocol::AnthropicMessages, "/pfx/v1/messages/"), Some(Route::AnthropicMessages));
        assert_eq!(find(Protocol::AnthropicMessages, "/v1/messages/count_tokens"), Some(Route::AnthropicCountTokens));
        assert_eq!(find(Protocol::AnthropicMessages, "/v1/notmessages"), None);
        assert_eq!(find(Protocol::OpenAi, "/v1/responses"), Some(Route::OpenAiResponses));
        assert_eq!(find(Protocol::OpenAi, "/responses"), Some(Route::OpenAiResponses));
        assert_eq!(find(Protocol::OpenAi, "/v1/messages"), None);
        let chat = "/openai/deployments/my-gpt/chat/completions";
        for protocol in Protocol::ALL {
            let known = (protocol != Protocol::Unknown).then_some(Route::OpenAiChat);
            assert_eq!((find(protocol, "/v1/chat/completions"), find(protocol, chat)), (known, known));
        }
        assert_eq!(find(Protocol::OpenAi, "/v1/completions"), None);
        assert_eq!((model_in_path(chat).as_deref(), model_in_path("/v1/chat/completions")), (Some("my-gpt"), None));
        assert_eq!(find(Protocol::OpenAi, "/backend-api/codex/responses/compact"), Some(Route::OpenAiCompact));
        assert_eq!(Route::find(Protocol::OpenAi, "GET", "/v1/responses"), None);
    }

    #[test]
    fn googles_methods_are_known_wherever_the_model_stands() {
        use Route::{GeminiCountTokens, GeminiGenerate, GeminiStream};
        for (path, route, model) in [
            ("/v1beta/models/gemini-2.5-pro:generateContent", Some(GeminiGenerate), Some("gemini-2.5-pro")),
            ("/pfx/v1/models/gemini-2.5-pro%3AstreamGenerateContent", Some(GeminiStream), Some("gemini-2.5-pro")),
            ("/v1beta/tunedModels/mine:countTokens", Some(GeminiCountTokens), Some("mine")),
            (
                "/v1/projects/p/locations/l/publishers/google/models/gemini-2.5-pro:generateContent",
                Some(GeminiGenerate),
                Some("gemini-2.5-pro"),
            ),
            ("/v1internal:streamGenerateContent", Some(GeminiStream), None),
            ("/v1internal:loadCodeAssist", None, None),
            ("/v1beta/models", None, None),
            ("/v1beta/openai/chat/completions", Some(Route::OpenAiChat), None),
        ] {
            assert_eq!(Route::find(Protocol::Gemini, "POST", path), route, "{path}");
            assert_eq!(model_in_path(path).as_deref(), model, "{path}");
        }
        assert_eq!(Route::find(Protocol::OpenAi, "POST", "/v1beta/models/m:generateContent"), None);
        assert_eq!(Route::find(Protocol::Gemini, "GET", "/v1beta/models/m:generateContent"), None);
    }

    #[test]
    fn claude_is_known_under_the_paths_of_clouds() {
        let bedrock = "/model/us.anthropic.claude-x-v1%3A0/invoke-with-response-stream";
        let vertex = "/v1/projects/p/locations/l/publishers/anthropic/models/claude-x@1:streamRawPredict";
        let counts = "/v1/projects/p/locations/l/publishers/anthropic/models/count-tokens:rawPredict";
        for (path, route, model, cloud) in [
            (bedrock, Route::AnthropicMessages, "us.anthropic.claude-x-v1:0", "aws.bedrock"),
            (vertex, Route::AnthropicMessages, "claude-x@1", "gcp.vertex_ai"),
            (counts, Route::AnthropicCountTokens, "count-tokens", "gcp.vertex_ai"),
        ] {
            assert_eq!(Route::find(Protocol::AnthropicMessages, "POST", path), Some(route), "{path}");
            assert_eq!((model_in_path(path).as_deref(), cloud_in_path(path)), (Some(model), Some(cloud)), "{path}");
            assert_eq!(streams_by_path(path), path != counts, "{path}");
        }
        assert_eq!(Route::find(Protocol::Gemini, "POST", vertex), Some(Route::AnthropicMessages));
        assert_eq!(Route::find(Protocol::Gemini, "POST", bedrock), None);
        assert_eq!(Route::find(Protocol::AnthropicMessages, "POST", "/model/m/converse"), None);
        assert_eq!(cloud_in_path("/openai/deployments/d/chat/completions"), Some("azure.ai.openai"));
        assert_eq!((cloud_in_path("/v1/messages"), streams_by_path("/v1/messages")), (None, false));
    }

    #[test]
    fn no_credential_name_is_ever_recorded() {
        for name in CREDENTIAL_HEADERS {
            assert!(!records_request_header(name) && !records_response_header(name), "{name}");
        }
        for name in CREDENTIAL_QUERY {
            assert!(!records_query(name), "{name}");
        }
    }
}
