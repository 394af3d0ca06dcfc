//! Scripts of the model's: newer models call one tool, `exec`, with JavaScript that calls the others. Hooks tell of those
//! with ids that the wire never sees; what joins them is what the script says and the call is told with.

/// The tool that runs scripts.
const SCRIPT_TOOL: &str = "exec";
/// Texts of one script, and bytes of one text, by which calls are found in it.
const LITERALS_LIMIT: usize = 64;
const LITERAL_BYTES_LIMIT: usize = 64 * 1024;

/// Whether a tool runs a script.
pub fn is_script(tool: &str) -> bool {
    tool == SCRIPT_TOOL
}

/// The texts in a script, escapes resolved, each once. Code that is no JavaScript gives some texts or other.
pub fn literals(script: &str) -> Vec<String> {
    let mut found: Vec<String> = Vec::new();
    let mut chars = script.chars();
    while let Some(c) = chars.next() {
        if !matches!(c, '"' | '\'' | '`') {
            continue;
        }
        let text = literal(&mut chars, c);
        if !text.trim().is_empty() && text.len() <= LITERAL_BYTES_LIMIT && !found.contains(&text) {
            found.push(text);
        }
        if found.len() == LITERALS_LIMIT {
            break;
        }
    }
    found
}

fn literal(chars: &mut std::str::Chars<'_>, quote: char) -> String {
    let mut text = String::new();
    while let Some(c) = chars.next() {
        match c {
            c if c == quote => break,
            '\\' => match chars.next() {
                Some('n') => text.push('\n'),
                Some('t') => text.push('\t'),
                Some('r') => text.push('\r'),
                Some('u') => {
                    let digits: String = chars.clone().take(4).collect();
                    if let Some(sign) = u32::from_str_radix(&digits, 16).ok().and_then(char::from_u32) {
                        text.push(sign);
                        for _ in 0..4 {
                            chars.next();
                        }
                    }
                }
                // A line that goes on.
                Some('\n') | None => {}
                Some(other) => text.push(other),
            },
            c => text.push(c),
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_texts_of_a_script() {
        let script = r#"const r = await tools.exec_command({cmd: "ls \"a b\"\n"}); text('it\u0041s', `x`, "");"#;
        assert_eq!(literals(script), ["ls \"a b\"\n", "itAs", "x"]);
        assert_eq!(literals("'never closed"), ["never closed"]);
        assert_eq!(literals(&"'a' 'b' ".repeat(1000)).len(), 2);
        let many: String = (0..100_u32).flat_map(|n| ["'".to_owned(), n.to_string(), "'".to_owned()]).collect();
        assert_eq!(literals(&many).len(), LITERALS_LIMIT);
    }
}
