//! Install and uninstall over settings files of every kind: nothing of the user's is lost, whatever happens.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod corpus;
mod damaged;
mod docs;
mod edge;
mod edited;
mod kills;
mod ledger;
mod meanwhile;
mod on_disk;
mod places;
mod program;
mod properties;
mod world;
