//! Delivery.

/// Starts delivery behind the agent's back, when it is due.
pub(crate) fn start_if_due(_state: &crate::state::StateDir) {}
