//! Codex.

pub mod plan;
