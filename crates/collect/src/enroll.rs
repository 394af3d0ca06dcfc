//! Enrolment: a token is exchanged for a device's key (RULES 19).

use std::net::SocketAddr;

use http::StatusCode;
use serde::{Deserialize, Deserializer, Serialize};
use serde_json::Value;
use ursa_model::envelope::ReportedUser;

use crate::answer::Problem;
use crate::limits::FIELD_BYTES_MAX;
use crate::service::Collect;
use crate::stats::count;

/// What a device says of itself when it enrols. Everything but the token may be missing.
#[derive(Debug, Clone, PartialEq, Eq, Default, Deserialize)]
#[serde(default)]
pub struct Enrolling {
    /// The enrolment token.
    #[serde(deserialize_with = "text")]
    pub token: Option<String>,
    /// Host name.
    #[serde(deserialize_with = "text")]
    pub hostname: Option<String>,
    /// Serial number, junk or not.
    #[serde(deserialize_with = "text")]
    pub serial: Option<String>,
    /// The hardware's UUID, junk or not.
    #[serde(deserialize_with = "text")]
    pub hardware_uuid: Option<String>,
    /// Operating system.
    #[serde(deserialize_with = "text")]
    pub os: Option<String>,
    /// Its version.
    #[serde(deserialize_with = "text")]
    pub os_version: Option<String>,
    /// Processor.
    #[serde(deserialize_with = "text")]
    pub arch: Option<String>,
    /// Whose device it is.
    #[serde(deserialize_with = "user")]
    pub user: Option<ReportedUser>,
}

/// By what a machine is known again.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Hardware {
    /// The hardware's UUID, lower case, unless it is junk.
    pub uuid: Option<String>,
    /// Serial number, unless it is junk.
    pub serial: Option<String>,
}

impl Enrolling {
    /// By what the machine is known again.
    pub fn hardware(&self) -> Hardware {
        let uuid = self.hardware_uuid.as_deref().map(str::to_ascii_lowercase);
        Hardware {
            uuid: uuid.filter(|uuid| !is_junk(uuid)),
            serial: self.serial.clone().filter(|serial| !is_junk(serial)),
        }
    }
}

/// What board makers and hypervisors write where a number should be.
const JUNK: &[&str] = &[
    "0",
    "1234567890",
    "0123456789",
    "123456789",
    "12345678",
    "none",
    "null",
    "na",
    "notapplicable",
    "notavailable",
    "notspecified",
    "unknown",
    "default",
    "defaultstring",
    "empty",
    "invalid",
    "oem",
    "oemdefault",
    "chassisserial",
    "systemserialnumber",
    "serialnumber",
    "serial",
    "baseboardserialnumber",
    "tobefilledbyoem",
    "tobefilledbyo.e.m",
    "vmware",
    "virtualmachine",
    "qemu",
    "parallels",
    "kvm",
    "test",
    "fillbyoem",
    "xxxxxxxxxx",
    "systemproductname",
    "notsettable",
    "03000200040005000006000700080009",
];

/// Serials that many machines have: words of templates, one character again and again, next to nothing.
fn is_junk(serial: &str) -> bool {
    let plain: String = serial.chars().filter(char::is_ascii_alphanumeric).collect::<String>().to_ascii_lowercase();
    let first = plain.chars().next();
    plain.len() < 4
        || plain.chars().all(|c| Some(c) == first)
        || JUNK.contains(&plain.as_str())
        || plain.starts_with("tobefilled")
        || plain.starts_with("00000000000000000000")
}

/// Text, number or nothing; anything else is nothing. Trimmed, cut, without control characters.
fn text<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<String>, D::Error> {
    Ok(clean(&Value::deserialize(deserializer)?))
}

fn clean(value: &Value) -> Option<String> {
    let text = match value {
        Value::String(text) => text.clone(),
        Value::Number(number) => number.to_string(),
        _ => return None,
    };
    let mut text: String = text.chars().filter(|c| !c.is_control()).collect();
    let mut end = text.len().min(FIELD_BYTES_MAX);
    while !text.is_char_boundary(end) {
        end -= 1;
    }
    text.truncate(end);
    let text = text.trim();
    (!text.is_empty()).then(|| text.to_owned())
}

fn user<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<ReportedUser>, D::Error> {
    let value = Value::deserialize(deserializer)?;
    let field = |name: &str| value.get(name).and_then(clean);
    let user = ReportedUser { login: field("login"), email: field("email"), name: field("name") };
    Ok((user != ReportedUser::default()).then_some(user))
}

/// A device that enrolled.
#[derive(Clone, PartialEq, Eq, Serialize)]
pub struct Enrolled {
    /// The device.
    pub device_id: String,
    /// Its key, told this once.
    pub device_key: String,
}

/// Why a device was not enrolled.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum EnrollError {
    /// No such token.
    #[error("the enrolment token is not valid; make one with `ursa enroll-token create`")]
    UnknownToken,
    /// It has ended.
    #[error("the enrolment token has expired; make one with `ursa enroll-token create`")]
    Expired,
    /// As many machines as it is for have used it.
    #[error("the enrolment token is used up; make one with `ursa enroll-token create --uses N`")]
    UsedUp,
    /// The store failed; the server's log says more.
    #[error("the server failed; its log says more")]
    Failed,
}

/// Enrols devices. Called on a thread where blocking is allowed.
pub trait Enrolment: Send + Sync {
    /// Enrols a device, or again. `old_key` is the key that it shows as its own until now.
    ///
    /// # Errors
    /// Why not.
    fn enroll(&self, device: &Enrolling, old_key: Option<&str>) -> Result<Enrolled, EnrollError>;
}

impl Collect {
    /// Enrols a device. Blocks.
    pub(crate) fn enroll(&self, body: &[u8], old_key: Option<&str>, peer: SocketAddr) -> Result<Enrolled, Problem> {
        let device: Enrolling = serde_json::from_slice(body)
            .map_err(|_| Problem::new(StatusCode::BAD_REQUEST, "the body is not a JSON object with a `token`"))?;
        self.attempts().allows(peer.ip()).map_err(|seconds| {
            Problem::busy("too many enrolments were refused; try again later").retry_after(seconds)
        })?;
        match self.enrolment().enroll(&device, old_key) {
            Ok(enrolled) => {
                count(&self.counters().enrolled, 1);
                Ok(enrolled)
            }
            Err(EnrollError::Failed) => Err(Problem::failed(&EnrollError::Failed.to_string())),
            Err(error) => {
                self.attempts().failed(peer.ip());
                tracing::warn!(%error, peer = %peer.ip(), "an enrolment was refused");
                Err(Problem::new(StatusCode::UNAUTHORIZED, error.to_string()))
            }
        }
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::*;

    #[test]
    fn junk_serials_are_ignored_and_real_ones_are_not() {
        for junk in [
            "",
            "  ",
            "0",
            "None",
            "To Be Filled By O.E.M.",
            "System Serial Number",
            "Default string",
            "0000000000",
            "123456789",
            "N/A",
            "Not Specified",
            "xxxxxxxx",
            "........",
            "VMware",
            "abc",
            "00000000-0000-0000-0000-000000000000",
            "ffffffff-ffff-ffff-ffff-ffffffffffff",
            "03000200-0400-0500-0006-000700080009",
        ] {
            let device =
                Enrolling { serial: Some(junk.into()), hardware_uuid: Some(junk.into()), ..Default::default() };
            assert_eq!(device.hardware(), Hardware::default(), "{junk}");
        }
        for real in
            ["C02XK1JZJGH5", "PF2ABCDE", "5CD1234XYZ", "VMware-56 4d 8a 01 2c", "4C4C4544-0042-3510-8052-B4C04F4A3532"]
        {
            let device = Enrolling { serial: Some(real.into()), ..Default::default() };
            assert_eq!(device.hardware().serial.as_deref(), Some(real));
        }
    }

    #[test]
    fn what_a_device_says_is_taken_as_far_as_it_makes_sense() {
        let body = r#"{"token":"t","hostname":" mac\u0007book\n","serial":12345678901,"os":["x"],"os_version":null,
            "user":{"login":"ada","email":7,"other":1},"later":true}"#;
        let device: Enrolling = serde_json::from_str(body).unwrap();
        assert_eq!(device.hostname.as_deref(), Some("macbook"));
        assert_eq!((device.serial.as_deref(), device.os, device.os_version), (Some("12345678901"), None, None));
        let user = device.user.unwrap();
        assert_eq!((user.login.as_deref(), user.email.as_deref(), user.name), (Some("ada"), Some("7"), None));
        let long: Enrolling = serde_json::from_str(&format!(r#"{{"hostname":"{}"}}"#, "é".repeat(300))).unwrap();
        assert_eq!(long.hostname.unwrap().len(), FIELD_BYTES_MAX);
        assert!(serde_json::from_str::<Enrolling>("[]").unwrap().token.is_none());
    }
}
