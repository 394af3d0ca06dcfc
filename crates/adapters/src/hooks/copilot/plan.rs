//! How hooks and a base URL get into the settings of GitHub Copilot, the CLI and VS Code.
