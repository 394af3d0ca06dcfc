//! What must hold for any settings file: shared by the fuzz target and by the test that damages the corpus on stable Rust.

use serde_json::{Value, json};
use ursa_adapters::hooks::plan::Format;
use ursa_endpoint::install::edit::{EditError, Over, Owned, OwnedValue, Text, Want};

const OURS: &str = "/opt/ursa/bin/ursa-endpoint hook agent Stop";

fn path(keys: &[&str]) -> Vec<String> {
    keys.iter().map(|key| (*key).to_owned()).collect()
}

fn wants() -> Vec<Want> {
    let element = json!({"hooks": [{"type": "command", "command": OURS}]});
    vec![
        Want::Element { path: path(&["hooks", "Stop"]), value: element },
        Want::Value { path: path(&["env", "URL"]), value: json!("https://ursa.example/edge/x"), over: Over::Replace },
    ]
}

/// Puts ours into the file and takes it out again, in both forms. What can be changed means afterwards what it should, and
/// at last what it did at first. Gives whether it could be.
pub fn settings(bytes: &[u8]) -> bool {
    [Format::Json, Format::Toml].map(|format| round(bytes, format)).contains(&true)
}

fn round(bytes: &[u8], format: Format) -> bool {
    let Ok(file) = Text::new(bytes, format) else { return false };
    let Ok(before) = file.value() else { return false };
    let installed = match file.with(&wants()) {
        Ok(installed) => installed,
        // What the two readers of TOML do not agree on is refused, too.
        Err(EditError::Shape { .. } | EditError::Syntax { .. }) => return false,
        Err(error) => panic!("{error}\n{}", String::from_utf8_lossy(bytes)),
    };
    let installed = Text::new(installed.as_bytes(), format).expect("it is text");
    let meaning = installed.value().expect("it is understood");
    assert_eq!(meaning["env"]["URL"], "https://ursa.example/edge/x");
    assert!(meaning["hooks"]["Stop"].to_string().contains(OURS));
    let owned = Owned { values: vec![OwnedValue::EdgeUrl(path(&["env", "URL"]), "x")] };
    let back = installed.without(&owned, Some(&file)).expect("ours can be taken out");
    let after = Text::new(back.as_bytes(), format).and_then(|back| back.value()).expect("it is understood");
    let ours_before = before.to_string().contains("ursa-endpoint");
    if before.is_object() && !ours_before {
        assert_eq!(without_empty(after), without_empty(before), "{back}");
    }
    true
}

/// A list of hooks that was empty may be gone.
fn without_empty(mut value: Value) -> Value {
    for key in ["hooks", "env"] {
        let Some(map) = value.as_object_mut() else { continue };
        if let Some(Value::Object(below)) = map.get_mut(key) {
            below.retain(|_, inner| !matches!(inner, Value::Array(list) if list.is_empty()));
        }
        if map.get(key).and_then(Value::as_object).is_some_and(serde_json::Map::is_empty) {
            map.remove(key);
        }
    }
    value
}
