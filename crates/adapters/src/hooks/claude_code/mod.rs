//! Claude Code.

pub mod plan;
