//! The arrows of docs/ARCHITECTURE.md, held against `cargo metadata`: who may use whom, and who alone may use a crate
//! that is fenced.

#![allow(clippy::unwrap_used, clippy::panic)]

use std::collections::{BTreeMap, BTreeSet};
use std::process::Command;

use serde_json::Value;

/// Each crate and the crates of ours that it may use outside its tests.
const ARROWS: &[(&str, &[&str])] = &[
    ("ursa-model", &[]),
    ("ursa-adapters", &["ursa-model"]),
    ("ursa-redact", &["ursa-model"]),
    ("ursa-journal", &["ursa-model"]),
    ("ursa-store", &["ursa-model", "ursa-redact"]),
    ("ursa-pipeline", &["ursa-model", "ursa-adapters", "ursa-redact", "ursa-journal", "ursa-store"]),
    ("ursa-edge", &["ursa-model", "ursa-adapters"]),
    ("ursa-api", &["ursa-model", "ursa-store"]),
    ("ursa-collect", &["ursa-model", "ursa-adapters"]),
    ("ursa-endpoint", &["ursa-model", "ursa-adapters", "ursa-journal"]),
    // Files, and nothing but files.
    ("ursa-desk", &[]),
    (
        "ursa",
        &[
            "ursa-model",
            "ursa-adapters",
            "ursa-redact",
            "ursa-journal",
            "ursa-store",
            "ursa-pipeline",
            "ursa-edge",
            "ursa-api",
            "ursa-collect",
            "ursa-desk",
            "ursa-demo",
        ],
    ),
    // Acts agents and their model: like them it knows the server from outside.
    ("ursa-demo", &[]),
    // For tests only: nothing but tests may use it, and it knows the server from outside.
    ("ursa-testkit", &[]),
    // For tests and measurements only: fills a store through its trait, and so cannot be the testkit's.
    ("ursa-seed", &["ursa-model", "ursa-store"]),
];

/// Crates that only these of ours may use.
const FENCES: &[(&str, &[&str])] = &[
    ("rusqlite", &["ursa-store"]),
    ("rustls", &["ursa-edge", "ursa-endpoint"]),
    ("axum", &["ursa-api", "ursa"]),
    ("regex", &["ursa-redact", "ursa-testkit"]),
    ("flate2", &["ursa-adapters", "ursa-desk", "ursa-testkit"]),
    ("brotli", &["ursa-adapters", "ursa-testkit"]),
];

/// What a crate without I/O, async or clock must not use.
const PURE: &[&str] = &["ursa-model", "ursa-adapters", "ursa-redact"];
const IMPURE: &[&str] = &["tokio", "hyper", "rusqlite", "aws-lc-rs", "tracing", "axum"];

fn dependencies() -> BTreeMap<String, BTreeSet<String>> {
    let cargo = std::env::var("CARGO").unwrap_or_else(|_| "cargo".to_owned());
    let output = Command::new(cargo)
        .args(["metadata", "--format-version", "1", "--no-deps", "--offline"])
        .current_dir(env!("CARGO_MANIFEST_DIR"))
        .output()
        .unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let metadata: Value = serde_json::from_slice(&output.stdout).unwrap();
    let name = |value: &Value| value["name"].as_str().unwrap().to_owned();
    metadata["packages"]
        .as_array()
        .unwrap()
        .iter()
        .map(|package| {
            let used = package["dependencies"].as_array().unwrap().iter();
            // `kind` is null for what the crate itself uses, "dev" for what only its tests do.
            let used = used.filter(|dependency| dependency["kind"].is_null());
            (name(package), used.map(name).collect())
        })
        .collect()
}

#[test]
fn only_allowed_arrows_exist() {
    let known: BTreeMap<&str, &[&str]> = ARROWS.iter().copied().collect();
    let found = dependencies();
    for (package, used) in &found {
        let allowed = known.get(package.as_str()).unwrap_or_else(|| panic!("{package} is not in the list of arrows"));
        for other in used.iter().filter(|other| known.contains_key(other.as_str())) {
            assert!(allowed.contains(&other.as_str()), "{package} must not use {other}");
        }
    }
    for package in known.keys() {
        assert!(found.contains_key(*package), "{package} is gone from the workspace");
    }
}

#[test]
fn fenced_crates_stay_behind_their_fence() {
    for (package, used) in dependencies() {
        for (fenced, by) in FENCES {
            assert!(!used.contains(*fenced) || by.contains(&package.as_str()), "{package} must not use {fenced}");
        }
        if PURE.contains(&package.as_str()) {
            for impure in IMPURE {
                assert!(!used.contains(*impure), "{package} is pure and must not use {impure}");
            }
        }
    }
}
