//! Puts hooks and base URLs into the agents' own settings files, and takes them out again to the byte.
