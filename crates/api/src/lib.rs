//! REST, OpenAPI, authorisation and the files of the web UI.
//!
//! [`router`] is everything that is not the edge: `/api/v1`, the sign-in of browsers, and the files of the web
//! UI, which the program around it hands in. One table ([`ROUTES`]) says which routes there are and who may call them; the router is built from it, the
//! authorisation test goes through all of it, and the OpenAPI document must list exactly it.
//!
//! Invariants:
//!
//! - Content leaves only to a role that may read it, and not before the reading is in the audit log.
//! - Every answer is JSON, a server-sent event or a static file of the UI; none holds content as markup.
//! - Every error is a [`Problem`]; none holds content.
//! - Store calls run on blocking threads, a bounded number at a time. Nothing here is queued without a bound.

mod atif;
mod auth;
mod browser;
mod clip;
mod export;
pub mod limits;
mod live;
mod me;
pub mod openapi;
mod params;
mod problem;
mod routes;
mod search;
mod seen;
mod sessions;
mod settings;
mod signin;
mod state;
mod stats;
mod token;
mod view;

pub use auth::{Access, SESSION_COOKIE};
pub use browser::UiFile;
pub use problem::{PROBLEM_JSON, Problem};
pub use routes::{PREFIX, ROUTES, Route, router};
pub use settings::{CaptureMode, PRIVACY_SETTING, PrivacySettings, RedactionSettings, RetentionSettings};
pub use state::{ApiParts, ApiState, Clock, ContextReader, RuntimeCounters, RuntimeStats};
pub use token::{hash_token, issue_signin_token, issue_token, new_id, new_secret, new_token};
