//! Whose session it is, as far as a device's key tells.

use ursa_model::capture::Assurance;
use ursa_model::envelope::ReceivedDevice;
use ursa_model::observation::SessionAttribute;
use ursa_store::{DeviceStore, StoreError};

/// Device and user of what a device delivered. The device's id is proven by its key; the person is the one that the
/// system says runs the agent, else the one that the device was enrolled for.
pub(crate) fn of_delivery(device: Option<&ReceivedDevice>, os_user: Option<&str>) -> Vec<SessionAttribute> {
    let owner = device.and_then(|device| device.user.as_ref());
    let login = owner.and_then(|owner| owner.login.as_deref());
    let is_owner = os_user.is_none_or(|user| login.is_some_and(|login| login.eq_ignore_ascii_case(user)));
    let mut told: Vec<SessionAttribute> = device.map(of_device).into_iter().collect();
    if is_owner {
        told.extend(owner.and_then(|owner| {
            let id = owner.login.as_ref().or(owner.email.as_ref()).or(owner.name.as_ref())?.clone();
            let (email, name, source) = (owner.email.clone(), owner.name.clone(), Assurance::Reported);
            Some(SessionAttribute::User { id, email, name, source })
        }));
    } else if let Some(user) = os_user {
        told.push(SessionAttribute::User { id: user.to_owned(), email: None, name: None, source: Assurance::Reported });
    }
    told
}

/// Device and user of a call on the edge with a device's key. That its owner ran the agent is an inference: the machine
/// may have others.
pub(crate) fn device_of_edge(
    store: &(impl DeviceStore + ?Sized),
    id: &str,
) -> Result<Vec<SessionAttribute>, StoreError> {
    let device = match store.device(id)? {
        Some(device) => ReceivedDevice {
            id: device.id,
            hostname: device.facts.hostname,
            serial: device.serial,
            user: device.facts.user,
        },
        None => ReceivedDevice { id: id.to_owned(), ..ReceivedDevice::default() },
    };
    let mut told = of_delivery(Some(&device), None);
    for attribute in &mut told {
        if let SessionAttribute::User { source, .. } = attribute {
            *source = Assurance::Inferred;
        }
    }
    Ok(told)
}

fn of_device(device: &ReceivedDevice) -> SessionAttribute {
    SessionAttribute::Device {
        id: device.id.clone(),
        hostname: device.hostname.clone(),
        serial: device.serial.clone(),
        source: Assurance::Verified,
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use ursa_model::envelope::ReportedUser;

    use super::*;

    fn users(told: &[SessionAttribute]) -> Vec<(&str, Option<&str>)> {
        let user = |attribute: &'_ SessionAttribute| matches!(attribute, SessionAttribute::User { .. });
        told.iter()
            .filter(|attribute| user(attribute))
            .filter_map(|attribute| match attribute {
                SessionAttribute::User { id, email, .. } => Some((id.as_str(), email.as_deref())),
                _ => None,
            })
            .collect()
    }

    #[test]
    fn the_person_is_who_runs_the_agent() {
        let user = ReportedUser { login: Some("Ada".into()), email: Some("ada@example.com".into()), name: None };
        let device = ReceivedDevice { id: "dev_1".into(), user: Some(user), ..ReceivedDevice::default() };
        let owner = [("Ada", Some("ada@example.com"))];
        assert_eq!(users(&of_delivery(Some(&device), None)), owner);
        assert_eq!(users(&of_delivery(Some(&device), Some("ada"))), owner);
        assert_eq!(users(&of_delivery(Some(&device), Some("bob"))), [("bob", None)]);
        assert_eq!(users(&of_delivery(None, Some("bob"))), [("bob", None)]);
        assert!(of_delivery(None, None).is_empty());
        let nobody = ReceivedDevice { id: "dev_2".into(), ..ReceivedDevice::default() };
        let told = of_delivery(Some(&nobody), None);
        assert!(matches!(&told[..], [SessionAttribute::Device { source: Assurance::Verified, .. }]));
    }
}
