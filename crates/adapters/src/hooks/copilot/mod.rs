//! GitHub Copilot, the CLI and VS Code.

pub mod plan;
