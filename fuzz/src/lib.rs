//! What the fuzz targets check. Tests of the crates include these files, too, and replay the seeds on stable Rust.

pub mod adapters;
pub mod collect;
pub mod edge;
pub mod endpoint;
pub mod journal;
pub mod model;
pub mod redact;
pub mod settings;
pub mod store;
