//! OpenAI's Responses API over HTTP.

mod canonical;
mod items;
mod output;
mod request;
mod response;
mod stream;
#[cfg(test)]
mod tests;

pub use output::output_messages;
pub(super) use request::read_next_request;
pub use request::read_request;
#[cfg(test)]
pub(super) use request::read_whole_request;
pub use response::read_response;
