//! Gemini's `generateContent`, `streamGenerateContent` and `countTokens`, bare and in the wrapper of Code Assist.

mod canonical;
mod list;
mod partial;
mod parts;
mod request;
mod response;
#[cfg(test)]
mod tests;

pub use request::read_request;
pub use response::read_response;

use serde_json::Value;

/// A member by its name in JSON, or by the one in the schema, which servers take too.
fn field<'v>(value: &'v Value, camel: &str, snake: &str) -> Option<&'v Value> {
    value.get(camel).or_else(|| value.get(snake)).filter(|found| !found.is_null())
}
