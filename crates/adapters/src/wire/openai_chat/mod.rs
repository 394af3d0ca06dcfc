//! OpenAI's Chat Completions, as OpenAI and the many servers that speak it too send it.

mod canonical;
mod content;
mod request;
mod response;
mod stream;
#[cfg(test)]
mod tests;

pub use request::read_request;
pub use response::read_response;
