//! The corpus with damage done to it, through the check of the fuzz target `endpoint_settings`.

#[path = "../../../../fuzz/src/settings.rs"]
#[allow(unreachable_pub)]
mod checks;

use crate::corpus::files;

/// What a byte becomes.
const DAMAGE: &[u8] = b"\"'{}[],:=.#/*\\\n a";

#[test]
fn a_damaged_file_is_changed_as_it_should_or_not_at_all() {
    let (mut changed, mut refused) = (0, 0);
    for folder in ["json/good", "json/refused", "toml/good", "toml/refused"] {
        for (number, path) in files(folder).into_iter().enumerate() {
            let bytes = std::fs::read(path).unwrap();
            for at in 0..bytes.len() {
                let mut bytes = bytes.clone();
                bytes[at] = DAMAGE[(at + number) % DAMAGE.len()];
                for text in [bytes.as_slice(), &bytes[..at]] {
                    if checks::settings(text) { changed += 1 } else { refused += 1 }
                }
            }
        }
    }
    assert!(changed > 300 && refused > 300, "{changed} {refused}");
}
