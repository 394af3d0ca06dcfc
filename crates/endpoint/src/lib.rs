//! The small program on each device: it enrols the device, installs hooks into agents, spools what they tell and delivers
//! it to the server. What an agent waits for is one short append to a file; everything else happens behind it.

pub mod args;
pub mod cut;
pub mod deliver;
pub mod enroll;
pub mod exit;
pub mod hook;
pub mod install;
pub mod line;
pub mod spool;
pub mod state;
pub mod user;
