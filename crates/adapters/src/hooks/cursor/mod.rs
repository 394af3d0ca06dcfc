//! Cursor.

pub mod plan;
