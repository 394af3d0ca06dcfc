//! Devices, their tokens, keys and spools.

use ursa_model::time::Timestamp;

use super::sample::at;
use crate::devices::{KEY_OVERLAP_MICROS, LOST_KEY_ENDS_MICROS, ROTATED_KEY_ENDS_MICROS};
use crate::{Device, DeviceFacts, EnrolOutcome, EnrollToken, KeyUse, NewEnrolment, Store, StoredSpool};

const TOKEN: u8 = 200;
const SECOND: i64 = 1_000_000;

fn hash(n: u8) -> [u8; 32] {
    [n; 32]
}

fn token(store: &dyn Store, n: u8, uses_left: Option<u64>, expires_at: Option<Timestamp>) {
    let token = EnrollToken { id: format!("token {n}"), uses_left, created_at: at(0), expires_at };
    store.add_enroll_token(&token, &hash(n)).unwrap();
}

/// An enrolment that draws the key `key`.
fn machine(key: u8, uuid: Option<&str>, serial: Option<&str>) -> NewEnrolment {
    NewEnrolment {
        token_hash: hash(TOKEN),
        old_key_hash: None,
        hardware_uuid: uuid.map(str::to_owned),
        serial: serial.map(str::to_owned),
        facts: DeviceFacts { hostname: Some(format!("host {key}")), ..DeviceFacts::default() },
        device_id: format!("device {key}"),
        key_id: format!("key {key}"),
        key_hash: hash(key),
    }
}

fn enrolled(store: &dyn Store, enrolment: &NewEnrolment, now: Timestamp) -> Device {
    match store.enroll(enrolment, now).unwrap() {
        EnrolOutcome::Enrolled(device) => *device,
        other => panic!("{other:?}"),
    }
}

fn holder(store: &dyn Store, key: u8, now: Timestamp) -> Option<String> {
    let holder = store.key_holder(&hash(key), now).unwrap()?;
    assert_eq!(holder.key_id, format!("key {key}"));
    Some(holder.device.id)
}

fn used(store: &dyn Store, key: u8, now: Timestamp) -> KeyUse {
    store.note_key_use(&format!("key {key}"), &format!("split {key}"), now).unwrap()
}

pub(super) fn uses(store: &dyn Store) {
    token(store, TOKEN, Some(1), Some(at(100)));
    let first = machine(1, Some("u1"), Some("s1"));
    assert_eq!(enrolled(store, &first, at(1)).id, "device 1");
    assert_eq!(store.enroll(&machine(2, Some("u2"), None), at(2)).unwrap(), EnrolOutcome::UsedUp);
    assert_eq!(enrolled(store, &machine(3, Some("u1"), None), at(3)).id, "device 1", "the same machine may repeat it");
    assert_eq!(store.enroll(&machine(4, None, None), at(4)).unwrap(), EnrolOutcome::UsedUp, "hardware unknown");
    assert_eq!(store.enroll(&machine(5, Some("u1"), None), at(100)).unwrap(), EnrolOutcome::Expired);
    let unknown = NewEnrolment { token_hash: hash(9), ..machine(6, Some("u1"), None) };
    assert_eq!(store.enroll(&unknown, at(5)).unwrap(), EnrolOutcome::UnknownToken);
    for key in [2, 4, 5, 6] {
        assert_eq!(holder(store, key, at(6)), None, "a refused enrolment gives no key");
    }
    token(store, 201, Some(2), None);
    token(store, 202, None, None);
    let with = |token: u8, key: u8| NewEnrolment { token_hash: hash(token), ..machine(key, None, None) };
    assert_eq!(enrolled(store, &with(201, 11), at(5)).id, "device 11");
    assert_eq!(enrolled(store, &with(201, 12), at(5)).id, "device 12", "without hardware each is a machine");
    assert_eq!(store.enroll(&with(201, 13), at(5)).unwrap(), EnrolOutcome::UsedUp);
    for key in 20..30 {
        enrolled(store, &with(202, key), at(1_000_000));
    }
}

pub(super) fn same_hardware(store: &dyn Store) {
    token(store, TOKEN, None, None);
    let mut first = machine(1, None, Some("serial"));
    first.facts.os = Some("linux".into());
    let device = enrolled(store, &first, at(1));
    let again = enrolled(store, &machine(2, Some("uuid"), Some("serial")), at(2));
    assert_eq!((&again.id, again.enrolled_at, again.last_enrolled_at), (&device.id, at(1), at(2)));
    assert_eq!((again.facts.hostname.as_deref(), again.facts.os.as_deref()), (Some("host 2"), Some("linux")));
    assert_eq!(enrolled(store, &machine(3, Some("uuid"), None), at(3)).id, device.id);
    assert_eq!(enrolled(store, &machine(4, Some("other"), Some("serial")), at(4)).id, "device 4", "UUIDs tell apart");
    assert_eq!(enrolled(store, &machine(5, None, None), at(5)).id, "device 5");
    assert_eq!(store.device(&device.id).unwrap().unwrap().hardware_uuid.as_deref(), Some("uuid"));
    assert_eq!(store.device("none").unwrap(), None);
    // A copied disk shows the key of the machine that it was copied from.
    let copy = NewEnrolment { old_key_hash: Some(hash(3)), ..machine(6, Some("copy"), None) };
    assert_eq!(enrolled(store, &copy, at(6)).id, "device 6");
    assert_eq!(holder(store, 3, at(7)).as_ref(), Some(&device.id), "the original's key is untouched");
    // Without hardware to go by, the key shows who it is.
    let shown = NewEnrolment { old_key_hash: Some(hash(5)), ..machine(7, None, None) };
    assert_eq!(enrolled(store, &shown, at(8)).id, "device 5");
}

pub(super) fn rotation(store: &dyn Store) {
    token(store, TOKEN, Some(1), None);
    enrolled(store, &machine(1, Some("u"), None), at(0));
    let rotated = |key: u8, old: u8| NewEnrolment { old_key_hash: Some(hash(old)), ..machine(key, Some("u"), None) };
    enrolled(store, &rotated(2, 1), at(10));
    assert_eq!(used(store, 1, at(11)), KeyUse::Usual);
    assert!(holder(store, 1, at(12)).is_some() && holder(store, 2, at(12)).is_some(), "both until the new one is used");
    assert_eq!(used(store, 2, at(20)), KeyUse::Usual);
    assert_eq!((holder(store, 1, at(20)), holder(store, 2, at(20)).as_deref()), (None, Some("device 1")));
    let now = at(100);
    enrolled(store, &rotated(3, 2), now);
    let end = now.plus_micros(ROTATED_KEY_ENDS_MICROS);
    assert!(holder(store, 2, end.plus_micros(-1)).is_some() && holder(store, 2, end).is_none(), "never used: a day");
    assert!(holder(store, 3, end).is_some());
}

pub(super) fn split(store: &dyn Store) {
    token(store, TOKEN, Some(1), None);
    enrolled(store, &machine(1, Some("u"), Some("s")), at(0));
    used(store, 1, at(1));
    enrolled(store, &machine(2, Some("u"), Some("s")), at(10));
    assert_eq!(holder(store, 2, at(10)).as_deref(), Some("device 1"));
    assert_eq!(used(store, 2, at(20)), KeyUse::Usual);
    let later = at(20).plus_micros(KEY_OVERLAP_MICROS);
    assert_eq!(used(store, 1, later.plus_micros(SECOND)), KeyUse::Usual, "may have been switched back");
    let both = later.plus_micros(2 * SECOND);
    assert_eq!(used(store, 2, both), KeyUse::Split { from: "device 1".into(), to: "split 2".into() });
    assert_eq!(holder(store, 1, both).as_deref(), Some("device 1"));
    assert_eq!(holder(store, 2, both).as_deref(), Some("split 2"));
    assert!(holder(store, 1, both.plus_micros(2 * LOST_KEY_ENDS_MICROS)).is_some(), "it holds again");
    let (first, other) = (store.device("device 1").unwrap().unwrap(), store.device("split 2").unwrap().unwrap());
    assert_eq!((first.is_split, first.split_from), (true, None));
    assert_eq!((other.is_split, other.split_from.as_deref()), (false, Some("device 1")));
    assert_eq!(other.facts, first.facts);
    for step in 3..6 {
        assert_eq!(used(store, 1, later.plus_micros(step * SECOND)), KeyUse::Usual);
        assert_eq!(used(store, 2, later.plus_micros(step * SECOND)), KeyUse::Usual);
    }
    // Either may repeat the token; without a key it is the one that was silent longer.
    let end = later.plus_micros(10 * SECOND);
    used(store, 2, end);
    assert_eq!(enrolled(store, &machine(3, Some("u"), None), end).id, "device 1");
}

pub(super) fn no_split(store: &dyn Store) {
    token(store, TOKEN, None, None);
    enrolled(store, &machine(1, Some("u"), None), at(0));
    used(store, 1, at(1));
    enrolled(store, &machine(2, Some("u"), None), at(10));
    used(store, 2, at(11));
    assert_eq!(used(store, 1, at(12)), KeyUse::Usual, "on its way before the new one was used");
    assert_eq!(used(store, 2, at(13)), KeyUse::Usual);
    let far = at(11).plus_micros(KEY_OVERLAP_MICROS + SECOND);
    assert_eq!(used(store, 2, far), KeyUse::Usual);
    assert_eq!(holder(store, 1, at(10).plus_micros(LOST_KEY_ENDS_MICROS)), None, "what was lost ends");
    assert_eq!(holder(store, 2, far).as_deref(), Some("device 1"));
    assert!(!store.device("device 1").unwrap().unwrap().is_split);
}

pub(super) fn revocation(store: &dyn Store) {
    token(store, TOKEN, None, None);
    enrolled(store, &machine(1, Some("a"), None), at(0));
    enrolled(store, &machine(2, Some("a"), None), at(1));
    enrolled(store, &machine(3, Some("b"), None), at(2));
    assert_eq!(store.revoke_keys("key 3", at(5)).unwrap(), 1);
    assert_eq!((holder(store, 3, at(5)), holder(store, 2, at(5)).is_some()), (None, true));
    assert_eq!(store.revoke_keys("device 1", at(6)).unwrap(), 2);
    assert_eq!((holder(store, 1, at(6)), holder(store, 2, at(6))), (None, None));
    assert_eq!(store.revoke_keys("device 1", at(7)).unwrap(), 0);
    assert_eq!(store.revoke_keys("nobody", at(7)).unwrap(), 0);
    let shown = NewEnrolment { old_key_hash: Some(hash(1)), ..machine(4, None, None) };
    assert_eq!(enrolled(store, &shown, at(8)).id, "device 4", "a revoked key shows nothing");
    assert_eq!(enrolled(store, &machine(5, Some("a"), None), at(9)).id, "device 1", "it may enrol again");
}

pub(super) fn spools(store: &dyn Store) {
    let spool = |sender: &str, n: u8, state: Option<&str>| StoredSpool {
        sender: sender.into(),
        spool: [n; 16],
        state: state.map(str::to_owned),
    };
    assert_eq!(store.spools().unwrap(), []);
    store.set_spools(&[spool("a", 1, Some("x")), spool("a", 2, Some("y")), spool("b", 1, Some("z"))]).unwrap();
    store.set_spools(&[spool("a", 2, None), spool("b", 1, Some("zz")), spool("c", 1, None)]).unwrap();
    let mut kept = store.spools().unwrap();
    kept.sort_by_key(|spool| spool.sender.clone());
    assert_eq!(kept, [spool("a", 1, Some("x")), spool("b", 1, Some("zz"))]);
}
