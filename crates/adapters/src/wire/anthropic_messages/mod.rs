//! Anthropic's Messages API and its token counting.

mod blocks;
mod canonical;
mod request;
mod response;
mod stream;
#[cfg(test)]
mod tests;

pub(super) use request::read_next_request;
pub use request::read_request;
#[cfg(test)]
pub(super) use request::read_whole_request;
pub use response::read_response;
