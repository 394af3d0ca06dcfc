#![allow(clippy::unwrap_used)]
mod support;
use support::recording::*;
use support::*;

#[test]
fn look() {
    for (name, source) in [
        ("claude-code-main", "claude-code"),
        ("claude-code-interactive", "claude-code"),
        ("claude-code-permission-default", "claude-code"),
        ("claude-code-hook-exit2", "claude-code"),
        ("codex-main", "codex"),
        ("codex-code-mode", "codex"),
        ("gemini-cli-main", "gemini-cli"),
        ("copilot-cli-anthropic-pascal-repo", "copilot"),
        ("copilot-cli-completions-camel-user", "copilot"),
    ] {
        let all = recording(name, source);
        for (what, some) in [
            ("edge", all.iter().filter(|c| !c.is_hook()).collect::<Vec<_>>()),
            ("hooks", all.iter().filter(|c| c.is_hook()).collect()),
            ("both", all.iter().collect()),
            ("rev", all.iter().rev().collect()),
        ] {
            let record = Record::played(some);
            println!("######## {name} {what}");
            for session in record.sessions() {
                println!("== {:?} {:?} {:?} {:?} gaps {:?}", session.conversation_id, session.agent, session.counts, session.cwd, session.completeness);
                for event in record.events(&session) {
                    let l = line(&event);
                    let l: String = l.replace('\n', " ").chars().take(230).collect();
                    if l.contains(" call Count") { continue }
                    let w: Vec<_> = event.witnesses.iter().map(|w| format!("{:?}", w.channel)).collect();
                    println!("{} {} p={} {} {l}", event.seq, &event.id.to_string()[..10], event.parent_event_id.map(|p| p.to_string()[..10].to_owned()).unwrap_or_default(), w.join("+"));
                }
            }
        }
    }
}
