//! What agents tell their hooks, each agent in one folder: reading what an event says, and, as data, how the hooks get
//! into the agent's settings (`plan.rs`).

pub mod claude_code;
pub mod codex;
pub mod copilot;
pub mod cursor;
pub mod gemini_cli;
