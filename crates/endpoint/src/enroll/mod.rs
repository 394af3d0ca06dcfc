//! `enroll`: makes the device known to a server, with a token, and keeps the key that it gets for it.

mod device;

use std::io::Read;
use std::path::PathBuf;

use serde::{Deserialize, Serialize};
use ursa_model::envelope::ReportedUser;

pub use device::{Device, device};

use crate::args::EnrollArgs;
use crate::deliver::http::{CA_BYTES_MAX, certificates};
use crate::deliver::{Client, ClientError, Failure, not_put_off};
use crate::exit;
use crate::install::files::FILE_BYTES_MAX;
use crate::install::ledger::Ledger;
use crate::state::{StateDir, StateError, read_bounded};

/// Longest token, in bytes.
const TOKEN_BYTES_MAX: usize = 4096;
/// Longest text of the server's that is shown, in characters.
const DETAIL_MAX: usize = 300;

/// Why the device is not enrolled.
#[derive(Debug, thiserror::Error)]
pub enum EnrollError {
    /// The state directory.
    #[error("{0}")]
    State(#[from] StateError),
    /// The client.
    #[error("{0}")]
    Client(#[from] ClientError),
    /// No answer.
    #[error("{0}")]
    Failure(#[from] Failure),
    /// The token is no text, or could not be read.
    #[error("the token cannot be read: {0}")]
    Token(String),
    /// The server does not accept it.
    #[error(
        "the server does not accept the token: {0}. Tokens expire and may be used up; make a new one with `ursa enroll-token create`"
    )]
    Refused(String),
    /// Later.
    #[error("the server cannot enrol now (status {0}); try again later")]
    Later(u16),
    /// Not an answer of an Ursa server.
    #[error("{0}: is this the URL of an Ursa server?")]
    Strange(String),
}

impl EnrollError {
    /// The exit code for it.
    pub fn code(&self) -> u8 {
        match self {
            Self::State(_) | Self::Client(_) => exit::STATE,
            Self::Failure(Failure::Tls(_)) => exit::TLS,
            Self::Failure(Failure::Unreachable(_)) | Self::Later(_) => exit::UNREACHABLE,
            Self::Token(_) => exit::USAGE,
            Self::Refused(_) => exit::NOT_ALLOWED,
            Self::Strange(_) => exit::STRANGE,
        }
    }
}

#[derive(Serialize)]
struct Request<'r> {
    token: &'r str,
    #[serde(flatten)]
    device: &'r Device,
    user: ReportedUser,
}

#[derive(Deserialize)]
struct Enrolled {
    device_id: String,
    device_key: String,
}

#[derive(Deserialize)]
struct Problem {
    #[serde(default)]
    detail: String,
}

/// A device that is enrolled.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Done {
    /// Its id.
    pub device_id: String,
    /// Agents' settings, written by `install`, that still hold the key until now. It ends.
    pub outdated: Vec<PathBuf>,
}

/// Enrols.
///
/// # Errors
/// Says what went wrong; the state directory then is as it was.
pub fn enroll(state: &StateDir, arguments: &EnrollArgs) -> Result<Done, EnrollError> {
    let token = token(&arguments.token)?;
    state.make()?;
    let mut settings = state.settings()?;
    settings.allow_plain_http |= arguments.allow_plain_http;
    let ca = match &arguments.ca {
        None => None,
        Some(path) => {
            let shown = || path.display().to_string();
            let pem = read_bounded(path, CA_BYTES_MAX)
                .map_err(|error| ClientError::Certificates(shown(), error.to_string()))?;
            certificates(pem.as_bytes()).map_err(|error| ClientError::Certificates(shown(), error))?;
            Some(pem)
        }
    };
    let trusted = arguments.ca.clone().unwrap_or_else(|| state.path("ca.pem"));
    let client = Client::new(&arguments.server, &settings, &trusted)?;
    let server = arguments.server.trim_end_matches('/');
    let is_same_server = settings.server.as_deref() == Some(server);
    // Only the server that gave the key out may see it. One that cannot be read counts as lost there.
    let old_key = state.device_key().ok().filter(|key| usable(key));
    let enrolled = ask(&client, &token, old_key.as_deref().filter(|_| is_same_server))?;
    if let Some(pem) = ca {
        state.write_private("ca.pem", pem.as_bytes())?;
    }
    if !is_same_server {
        // A delivery that goes on meanwhile must not tell the new server the old one's key.
        state.forget_device_key()?;
    }
    settings.server = Some(server.to_owned());
    settings.device_id = Some(enrolled.device_id.clone());
    state.save_settings(&settings)?;
    // Last: whoever finds a key finds everything that it needs.
    state.write_private("device.key", enrolled.device_key.as_bytes())?;
    // What stood in the way of a delivery may have been the key.
    not_put_off(state);
    let outdated = old_key.map(|key| holders(state, &key)).unwrap_or_default();
    Ok(Done { device_id: enrolled.device_id, outdated })
}

/// Files of `install`'s in which the key stands. A ledger that cannot be read is for `install` to complain about.
fn holders(state: &StateDir, key: &str) -> Vec<PathBuf> {
    let Ok(ledger) = Ledger::open(state.root()) else { return Vec::new() };
    let text = |path: &PathBuf| read_bounded(path, FILE_BYTES_MAX).unwrap_or_default();
    ledger.files().map(|(path, _)| path).filter(|path| text(path).contains(key)).cloned().collect()
}

/// `old_key`: shown as this device's own until now, so that the server takes the new one in its place.
fn ask(client: &Client, token: &str, old_key: Option<&str>) -> Result<Enrolled, EnrollError> {
    let user = ReportedUser { login: crate::user::login(), ..ReportedUser::default() };
    let request = Request { token, device: &device(), user };
    let body = serde_json::to_vec(&request).map_err(|error| EnrollError::Token(error.to_string()))?;
    let mut headers = vec![("content-type", "application/json")];
    let bearer = old_key.map(|key| format!("Bearer {key}"));
    headers.extend(bearer.iter().map(|bearer| ("authorization", bearer.as_str())));
    let answer = client.post("/ingest/v1/enroll", &headers, &body)?;
    let detail = || {
        let problem = serde_json::from_slice::<Problem>(&answer.body).map(|problem| problem.detail);
        let detail: String = problem.unwrap_or_default().chars().filter(|c| !c.is_control()).take(DETAIL_MAX).collect();
        if detail.is_empty() { format!("status {}", answer.status) } else { detail }
    };
    match answer.status {
        200 | 201 => {}
        401 | 403 => return Err(EnrollError::Refused(detail())),
        429 | 500..=599 => return Err(EnrollError::Later(answer.status)),
        _ => return Err(EnrollError::Strange(format!("the server answered: {}", detail()))),
    }
    let enrolled: Enrolled = serde_json::from_slice(&answer.body)
        .map_err(|_| EnrollError::Strange("the server's answer has no device key".to_owned()))?;
    if usable(&enrolled.device_key) && usable(&enrolled.device_id) {
        Ok(enrolled)
    } else {
        Err(EnrollError::Strange("the server's answer has no usable device key".to_owned()))
    }
}

/// Whether a key or an id can stand in a header and in a file.
fn usable(text: &str) -> bool {
    !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_graphic())
}

/// The token itself, or from stdin for `-`: there it does not show in the list of processes.
fn token(argument: &str) -> Result<String, EnrollError> {
    let mut token = argument.to_owned();
    if argument == "-" {
        token.clear();
        let read = std::io::stdin().take(TOKEN_BYTES_MAX as u64).read_to_string(&mut token);
        read.map_err(|error| EnrollError::Token(error.to_string()))?;
    }
    let token = token.trim();
    if token.is_empty() || token.len() > TOKEN_BYTES_MAX || !token.bytes().all(|byte| byte.is_ascii_graphic()) {
        return Err(EnrollError::Token("it is empty or has characters that no token has".to_owned()));
    }
    Ok(token.to_owned())
}
