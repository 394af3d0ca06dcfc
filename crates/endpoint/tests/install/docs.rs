//! The tables of docs/INSTALL.md are the plans'.

use std::fmt::Write;
use std::fs;
use std::path::Path;

use ursa_adapters::hooks::plan::{AGENT_PLANS, AgentPlan, EdgePlan, Format, MachineFile, Since, Use, UserFile};

fn user(file: &UserFile) -> String {
    let moved = file.variable.map_or(String::new(), |variable| {
        let kept = if file.kept.is_empty() { String::new() } else { format!("/{}", file.kept) };
        format!(" (`${variable}{kept}/{}`)", file.file)
    });
    format!("`~/{}/{}`{moved}", file.folder, file.file)
}

fn machine(file: &MachineFile) -> String {
    let windows = file.windows.map_or("not known".to_owned(), |path| format!("`{path}`"));
    format!("`{}` | `{}` | {windows}", file.linux, file.mac)
}

fn places() -> String {
    let mut out =
        String::from("| agent | what | user | Linux | macOS | Windows | form |\n|---|---|---|---|---|---|---|\n");
    for plan in AGENT_PLANS {
        let hooks = &plan.hooks;
        let form = if hooks.format == Format::Toml { "TOML" } else { "JSON" };
        writeln!(out, "| {} | hooks | {} | {} | {form} |", plan.name, user(&hooks.user), machine(&hooks.machine))
            .unwrap();
        match &plan.edge {
            EdgePlan::Settings { user: file, machine: files, .. } => {
                writeln!(out, "| | base URL | {} | {} | {form} |", user(file), machine(files)).unwrap();
            }
            EdgePlan::Environment { lines, .. } => {
                let names: Vec<_> = lines.iter().map(|line| format!("`{}`", line.name)).collect();
                writeln!(out, "| | base URL | by hand, in the environment: {} | | | | |", names.join(", ")).unwrap();
            }
            EdgePlan::Never(_) => writeln!(out, "| | base URL | cannot be set | | | | |").unwrap(),
        }
    }
    out
}

fn events() -> String {
    AGENT_PLANS.iter().map(|plan| events_of(plan)).collect()
}

fn events_of(plan: &AgentPlan) -> String {
    let hooks = &plan.hooks;
    let tolerant = hooks.tolerant.map_or("not known".to_owned(), |version| version.to_string());
    let mut out = format!(
        "### {}\n\nHooks from {} on. An event that it does not know does no harm from: {tolerant}.\n\n",
        plan.name, hooks.first
    );
    out.push_str("| event | from | recorded |\n|---|---|---|\n");
    for event in hooks.events {
        let since = match event.since {
            Since::First => hooks.first.to_string(),
            Since::Told(version) => version.to_string(),
            Since::Seen(version) => format!("{version} or before"),
        };
        let used = match event.used {
            Use::Record => "yes".to_owned(),
            Use::Leave(why) => format!("no: {why}"),
        };
        writeln!(out, "| `{}` | {since} | {used} |", event.name).unwrap();
    }
    out.push('\n');
    out
}

/// With `URSA_WRITE_DOCS` set it writes them instead.
#[test]
fn the_page_has_the_plans_tables() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/INSTALL.md");
    let mut page = fs::read_to_string(&path).unwrap();
    for (name, made) in [("places", places()), ("events", events())] {
        let (begin, end) = (format!("<!-- {name}: made from the plans -->\n"), format!("<!-- end of {name} -->"));
        let start = page.find(&begin).unwrap() + begin.len();
        let stop = start + page[start..].find(&end).unwrap();
        if std::env::var_os("URSA_WRITE_DOCS").is_some() {
            page.replace_range(start..stop, &made);
        } else {
            assert_eq!(&page[start..stop], made, "run this test with URSA_WRITE_DOCS=1");
        }
    }
    if std::env::var_os("URSA_WRITE_DOCS").is_some() {
        fs::write(path, page).unwrap();
    }
}
