//! Somebody pastes credentials, and output holds what output holds in real life: colours, markup, signs that turn text
//! around.

use serde_json::json;

use crate::script::{CHIARA, Program, Session, call, step, text, think, turn};

/// Keys of the right shape that open nothing. Put together here, so that no scanner takes this file for a leak.
fn keys() -> (String, String) {
    (format!("sk-{}-api03-{}", "ant", "Demo0".repeat(12)), format!("{}_{}", "ghp", "Demo1".repeat(8)))
}

const ANSWER: &str = "The deploy fails because the token has no right to write packages.

| step | result | why |
|---|---|---|
| build | ok | |
| push | **403** | the token lacks `write:packages` |
| roll out | not reached | |

1. Make a new token with [write:packages](https://docs.github.com/en/packages) and put it into the CI's secrets.
2. **Revoke the two that you pasted here**: they are in this conversation now.

```yaml
- run: docker login ghcr.io -u \"$USER\" --password-stdin <<< \"$TOKEN\"
```

> The file `report\u{202e}gpj.exe` in the folder is no picture: its name holds a sign that turns text around.
";

pub(super) fn session() -> Session {
    let (anthropic, github) = keys();
    Session {
        program: Program::ClaudeCode,
        hooks: false,
        person: CHIARA,
        cwd: "/Users/chiara/deploy",
        model: "claude-opus-5-5",
        title: Some("Deploy fails with 403".to_owned()),
        turns: vec![turn(
            format!(
                "The deploy fails at the push. Here is my .env, maybe something is wrong in \
                 it:\n\nANTHROPIC_API_KEY={anthropic}\nGITHUB_TOKEN={github}\nREGISTRY=ghcr.io/example"
            ),
            vec![
                step(vec![
                    think("The keys should not be repeated. First see what the registry answers."),
                    text("I'll not use those keys. Let me see the log of the last run."),
                    call(
                        "Bash",
                        json!({"command": "tail -n 5 logs/deploy.log; ls", "description": "Show the end of the log"}),
                        format!(
                            "\u{1b}[1;32m✓\u{1b}[0m build\n\u{1b}[1;31m✗ push: 403 Forbidden\u{1b}[0m (token {github})\n\
                             <img src=x onerror=\"alert('not run')\"><b>denied</b>\nDockerfile\tlogs\treport\u{202e}gpj.exe"
                        ),
                    ),
                ]),
                step(vec![text(ANSWER)]),
            ],
        )],
    }
}
