//! Settings that nobody would write.

use proptest::prelude::*;
use serde_json::json;
use ursa_adapters::hooks::plan::Format;
use ursa_endpoint::install::edit::{Over, Owned, Text, Want};

/// Blanks and comments of JSON.
fn json_gap() -> impl Strategy<Value = String> {
    prop_oneof![
        4 => Just(String::new()),
        3 => Just(" ".to_owned()),
        2 => Just("\n  ".to_owned()),
        1 => Just("\r\n\t".to_owned()),
        1 => Just(" // [ { \" , é\n".to_owned()),
        1 => Just(" /* ] , } \" // */ ".to_owned()),
    ]
}

fn json_key() -> impl Strategy<Value = String> {
    prop_oneof![
        4 => "[a-c]",
        1 => Just("hooks".to_owned()),
        1 => Just("env".to_owned()),
        1 => "\\PC{0,4}".prop_filter("printable", |text| !text.contains(['"', '\\'])),
    ]
}

fn json_value() -> impl Strategy<Value = String> {
    let leaf = prop_oneof![
        Just("1".to_owned()),
        Just("-0.5e3".to_owned()),
        Just("null".to_owned()),
        Just("\"x, ] } // \\\" \"".to_owned()),
        Just("\"/opt/other/hook --x\"".to_owned()),
    ];
    leaf.prop_recursive(4, 24, 4, |inner| {
        let elements = prop::collection::vec((json_gap(), inner.clone(), json_gap()), 0..4);
        let members = prop::collection::vec((json_gap(), json_key(), json_gap(), inner, json_gap()), 0..4);
        prop_oneof![
            (elements, any::<bool>(), json_gap()).prop_map(|(elements, comma, last)| {
                let text: Vec<_> = elements.iter().map(|(a, value, b)| format!("{a}{value}{b}")).collect();
                container('[', &text, comma, &last, ']')
            }),
            object(members),
        ]
    })
}

type Members = Vec<(String, String, String, String, String)>;

fn object(members: impl Strategy<Value = Members>) -> impl Strategy<Value = String> {
    (members, any::<bool>(), json_gap()).prop_map(|(members, comma, last)| {
        let text: Vec<_> =
            members.iter().map(|(a, key, b, value, c)| format!("{a}\"{key}\"{b}:{a}{value}{c}")).collect();
        container('{', &text, comma, &last, '}')
    })
}

fn container(open: char, items: &[String], comma: bool, last: &str, close: char) -> String {
    let comma = if comma && !items.is_empty() { "," } else { "" };
    format!("{open}{}{comma}{last}{close}", items.join(","))
}

fn json_file() -> impl Strategy<Value = String> {
    let members = prop::collection::vec((json_gap(), json_key(), json_gap(), json_value(), json_gap()), 0..5);
    (prop::sample::select(vec!["", "\u{feff}"]), json_gap(), object(members), json_gap())
        .prop_map(|(bom, before, object, after)| format!("{bom}{before}{object}{after}"))
}

fn toml_line() -> impl Strategy<Value = String> {
    let value = prop_oneof![
        Just("1".to_owned()),
        Just("\"x # ] \"".to_owned()),
        Just("'[[hooks.Stop]]'".to_owned()),
        Just("\"\"\"\n[a]\n\"\"\"".to_owned()),
        Just("[ 1, 2, # two\n]".to_owned()),
        Just("{ a = { b = [ { c = 1 } ] } }".to_owned()),
        Just("1979-05-27 07:32:00".to_owned()),
        Just("[{ hooks = [{ command = \"x\" }] }]".to_owned()),
    ];
    let key = prop_oneof![4 => "[a-e]{1,2}", 1 => Just("hooks.Stop".to_owned()), 1 => Just("\"a.b\".c".to_owned())];
    prop_oneof![
        3 => (key, value, prop::sample::select(vec!["", " # c", "  "])).prop_map(|(key, value, end)| format!("{key} = {value}{end}")),
        1 => "\\[[a-e]{1,2}\\]",
        1 => "\\[\\[[a-e]{1,2}\\]\\]",
        1 => Just("[[hooks.Stop]]".to_owned()),
        1 => Just("[[hooks.Stop.hooks]]".to_owned()),
        1 => Just("[hooks]".to_owned()),
        1 => Just("# hooks".to_owned()),
        1 => Just(String::new()),
    ]
}

fn toml_file() -> impl Strategy<Value = String> {
    let lines = prop::collection::vec(toml_line(), 0..12);
    (lines, prop::sample::select(vec!["\n", "\r\n"]), any::<bool>()).prop_map(|(lines, end, last)| {
        let text = lines.join(end).replace("\r\n", "\n").replace('\n', end);
        if last { text + end } else { text }
    })
}

fn path(keys: &[&str]) -> Vec<String> {
    keys.iter().map(|key| (*key).to_owned()).collect()
}

fn wants(format: Format) -> Vec<Want> {
    let command = |event: &str| format!("/opt/ursa/bin/ursa-endpoint hook agent {event}");
    let element = |event: &str| Want::Element {
        path: path(&["hooks", event]),
        value: json!({"hooks": [{"type": "command", "command": command(event), "timeout": 10}]}),
    };
    let mut wants = vec![element("PreToolUse"), element("Stop"), element("a")];
    if format == Format::Json {
        wants.push(Want::Element { path: path(&["hooks", "b"]), value: json!({"command": command("b")}) });
    }
    wants.push(Want::Value { path: path(&["q", "r"]), value: json!("s"), over: Over::Keep });
    wants
}

fn check(text: &str, format: Format) -> Result<(), TestCaseError> {
    let file = Text::new(text.as_bytes(), format).unwrap();
    let Ok(before) = file.value() else { return Ok(()) };
    let wants = wants(format);
    // Where something else stands in the way it is refused, with a reason, and that is all.
    let installed = match file.with(&wants) {
        Ok(installed) => installed,
        Err(error) => {
            prop_assert!(!error.to_string().contains("without changing something else"), "{error}\n{text}");
            return Ok(());
        }
    };
    let again = Text::new(installed.as_bytes(), format).unwrap();
    prop_assert_eq!(&again.with(&wants).unwrap(), &installed);
    let owned = Owned { values: vec![ursa_endpoint::install::edit::OwnedValue::Exact(path(&["q", "r"]), json!("s"))] };
    let back = again.without(&owned, Some(&file)).unwrap();
    let meaning = Text::new(back.as_bytes(), format).unwrap().value().unwrap();
    prop_assert!(!back.contains("/opt/ursa"), "{}\n---\n{}", text, back);
    // To the byte but for blanks; what it means is the same.
    let squeeze = |text: &str| text.split_whitespace().collect::<String>();
    if before.is_object() {
        prop_assert_eq!(&meaning, &before);
    }
    prop_assert_eq!(squeeze(&back), squeeze(text));
    // And without knowing what was there: nothing of ours is left, and everything else is.
    let blind = again.without(&owned, None).unwrap();
    prop_assert!(!blind.contains("/opt/ursa"), "{}\n---\n{}", text, blind);
    Ok(())
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 400, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn any_json_keeps_what_is_in_it(text in json_file()) {
        check(&text, Format::Json)?;
    }

    #[test]
    fn any_toml_keeps_what_is_in_it(text in toml_file()) {
        check(&text, Format::Toml)?;
    }

    #[test]
    fn any_text_is_changed_or_refused(text in "[\\[\\]{}\":,/*#=a-c\\\\ \n\r'.]{0,40}") {
        for format in [Format::Json, Format::Toml] {
            check(&text, format)?;
        }
    }
}
