//! Gemini CLI.

pub mod plan;
