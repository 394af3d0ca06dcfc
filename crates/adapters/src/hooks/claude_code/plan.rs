//! How hooks and a base URL get into the settings of Claude Code.
