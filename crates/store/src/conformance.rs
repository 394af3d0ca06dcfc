//! The suite that every backend must pass: [`run`] it over a function that makes empty stores.
//!
//! A backend is right when all of it passes, whatever it is built on; what only one backend promises (files, kills) is
//! tested beside that backend.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a suite tells by panicking")]

mod access;
mod content;
mod devices;
mod facts;
mod lists;
mod purge;
pub mod sample;
mod search;

use crate::Store;

/// A case: its name, and what it does with an empty store.
type Case = (&'static str, fn(&dyn Store));

const CASES: &[Case] = &[
    ("a batch applied twice is applied once", facts::batch_twice),
    ("the same facts in another batch change nothing", facts::redelivery),
    ("a fact replaces the stored one whole", facts::replacement),
    ("a merge leaves aliases that resolve", facts::merge),
    ("a merge across days leaves one fact", facts::merge_across_days),
    ("an event that moves unchanged keeps its revision", facts::moved_event),
    ("facts are found by any id and by scope", facts::found_by),
    ("only what can be seen gives a revision", facts::revisions),
    ("changes come by revision", facts::changes),
    ("marks are a set", facts::marks),
    ("counters add up and stay put when idle", facts::stats),
    ("an empty batch moves the cursor only", facts::cursor),
    ("listeners hear of changes only", facts::listeners),
    ("a session sums its events up", lists::summary),
    ("a session without events is not listed", lists::no_events),
    ("session aliases resolve", lists::session_aliases),
    ("sessions filter and page", lists::filters),
    ("status follows from the time of asking", lists::status),
    ("a timeline is in order with dense seq and turns", lists::timeline),
    ("what sessions tell is listed", lists::seen),
    ("paging is stable while events arrive", lists::stable_paging),
    ("foreign cursors are refused", lists::bad_cursors),
    ("search finds all words and phrases, newest first", search::words),
    ("search stays within a session, and finds some of each", search::within),
    ("search pages and filters", search::pages),
    ("nothing typed is query syntax but quotes and a star", search::no_syntax),
    ("search follows changes", search::follows_changes),
    ("content is kept once and read back", content::items),
    ("secrets stay", content::secrets),
    ("purged content is gone and stays gone", purge::content),
    ("purged days are gone and stay gone", purge::metadata),
    ("a session that lives on keeps who ran it", purge::lives_on),
    ("tokens", access::tokens),
    ("settings compare and set", access::settings),
    ("the audit log pages newest first", access::audit),
    ("tokens enrol as many machines as they are for", devices::uses),
    ("the same hardware is the same device", devices::same_hardware),
    ("a rotated key ends with the first use of the new one", devices::rotation),
    ("two machines that were taken for one are split", devices::split),
    ("one machine that enrols again is not split", devices::no_split),
    ("keys are revoked", devices::revocation),
    ("spools are kept", devices::spools),
];

/// Runs all cases, each on a store of its own from `make`. Panics where the backend is wrong, naming the case.
pub fn run(make: &dyn Fn() -> Box<dyn Store>) {
    for (name, case) in CASES {
        let store = make();
        let outcome = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| {
            case(store.as_ref());
            assert_eq!(store.verify().unwrap(), Vec::<String>::new(), "verify finds nothing");
        }));
        if let Err(cause) = outcome {
            let told = cause.downcast_ref::<String>().map(String::as_str);
            let told = told.or_else(|| cause.downcast_ref::<&str>().copied()).unwrap_or("a panic");
            panic!("conformance: {name}: {told}");
        }
    }
}
