//! What released agents really sent, read by the adapters.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod corpora;
mod cut;
mod exchange;
mod facts;
mod facts_chat_gemini;
mod golden;
mod recalled;
mod resent;
