//! The desk: the web UI of `web/ui`, built by this crate's build script and embedded.
//!
//! A crate of its own so that only the server program waits for Node: everything else builds and is tested without it.
//! `URSA_DESK_DIST=FOLDER` at build time takes a desk that was built elsewhere (`npm run build`), for machines without
//! Node or without a network.

/// One file of the desk.
#[derive(Debug, Clone, Copy)]
pub struct File {
    /// Where it is served, from the root: `/index.html`, `/assets/…`.
    pub path: &'static str,
    /// Its `content-type`.
    pub media_type: &'static str,
    /// Its bytes.
    pub bytes: &'static [u8],
    /// The same by gzip, where that is smaller.
    pub gzip: Option<&'static [u8]>,
}

include!(concat!(env!("OUT_DIR"), "/files.rs"));

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn the_page_asks_no_one_else_and_runs_nothing_inline() {
        let page = FILES.iter().find(|file| file.path == "/index.html").unwrap();
        let html = str::from_utf8(page.bytes).unwrap();
        assert!(!html.contains("http://") && !html.contains("https://") && !html.contains("style=\""), "{html}");
        for script in html.split("<script").skip(1) {
            assert!(script.contains(" src=\"/assets/"), "an inline script would be refused by the policy: {script}");
        }
        assert!(FILES.iter().any(|file| file.media_type.starts_with("text/javascript") && file.gzip.is_some()));
    }

    #[test]
    fn no_source_makes_markup_of_content() {
        let folder = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("../../web/ui/src");
        let mut folders = vec![folder];
        let mut seen = 0;
        while let Some(folder) = folders.pop() {
            for entry in std::fs::read_dir(folder).unwrap() {
                let path = entry.unwrap().path();
                if path.is_dir() {
                    folders.push(path);
                } else if path.extension().is_some_and(|extension| extension == "ts" || extension == "tsx") {
                    let text = std::fs::read_to_string(&path).unwrap();
                    seen += 1;
                    if path.to_str().is_some_and(|path| path.contains(".test.")) {
                        continue;
                    }
                    for sink in
                        ["dangerouslySetInnerHTML", "innerHTML", "outerHTML", "insertAdjacentHTML", "srcdoc", "srcDoc"]
                    {
                        assert!(!text.contains(sink), "{}: {sink}", path.display());
                    }
                }
            }
        }
        assert!(seen > 10);
    }
}
