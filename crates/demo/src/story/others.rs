//! opencode with pictures and a search, Copilot CLI, and scripts that use an SDK.

use serde_json::json;

use crate::script::{
    BATCH, BEN, CHIARA, Program, Say, Session, call, fails, gives_value, image, step, text, think, turn,
};

/// opencode is shown a chart, looks at another, and has the provider search the web.
pub(super) fn opencode() -> Session {
    let mut chart = turn(
        "This chart in the monthly report has no labels. What would you put on the axes?",
        vec![
            step(vec![
                think("The picture shows four bars; the data is in report/."),
                text("Four bars, no scale. I'll look at how the other report draws its own."),
                gives_value(
                    "read",
                    json!({"filePath": "/Users/chiara/report/figures/q2.png"}),
                    json!([{"type": "text", "text": "Image read successfully"}, image()]),
                ),
                call(
                    "grep",
                    json!({"pattern": "savefig|set_xlabel", "path": "report"}),
                    "Found 2 matches\nreport/charts.py:\n  Line 18: ax.set_xlabel(\"quarter\")\n  Line 41: fig.savefig(target)",
                ),
            ]),
            step(vec![text(
                "The second chart has the quarter on the x axis and no unit on the y axis. I would put **orders (thousands)** \
                 there, as the table beside it says.",
            )]),
        ],
    );
    chart.attached = vec![image()];
    Session {
        program: Program::OpenCode,
        hooks: false,
        person: CHIARA,
        cwd: "/Users/chiara/report",
        model: "claude-sonnet-5",
        title: Some("Labels for the report's charts".to_owned()),
        turns: vec![
            chart,
            turn(
                "How do I set a thousands separator in matplotlib nowadays?",
                vec![step(vec![
                    Say::Search(
                        "matplotlib tick label thousands separator",
                        vec![
                            ("matplotlib.ticker", "https://matplotlib.org/stable/api/ticker_api.html"),
                            ("Tick formatters", "https://matplotlib.org/stable/gallery/ticks/tick-formatters.html"),
                        ],
                    ),
                    text(
                        "With a string formatter:\n\n```python\nax.yaxis.set_major_formatter(\"{x:,.0f}\")\n```\n\nA string is \
                         turned into a `StrMethodFormatter` ([tick formatters]\
                         (https://matplotlib.org/stable/gallery/ticks/tick-formatters.html)).",
                    ),
                ])],
            ),
        ],
    }
}

/// Copilot CLI renames a flag.
pub(super) fn copilot_cli() -> Session {
    Session {
        program: Program::CopilotCli,
        hooks: false,
        person: BEN,
        cwd: "/home/ben/billing",
        model: "claude-sonnet-4.6",
        title: None,
        turns: vec![turn(
            "Rename the flag --dryrun of scripts/close_month.sh to --dry-run and keep the old one working.",
            vec![
                step(vec![
                    think("See where the flag is read."),
                    call(
                        "bash",
                        json!({"command": "grep -n dryrun -r scripts docs", "description": "Find the flag"}),
                        "scripts/close_month.sh:12:    --dryrun) DRY=1 ;;\ndocs/closing.md:8:./close_month.sh \
                         --dryrun\n<shellId: 0 completed with exit code 0>",
                    ),
                ]),
                step(vec![call(
                    "edit",
                    json!({
                        "path": "/home/ben/billing/scripts/close_month.sh", "old_str": "    --dryrun) DRY=1 ;;",
                        "new_str": "    --dry-run | --dryrun) DRY=1 ;;"
                    }),
                    "File /home/ben/billing/scripts/close_month.sh updated with changes.",
                )]),
                step(vec![call(
                    "github-mcp-server-list_issues",
                    json!({"owner": "example", "repo": "billing", "state": "OPEN", "query": "dryrun"}),
                    "{\"issues\":[],\"totalCount\":0}",
                )]),
                step(vec![fails(
                    "bash",
                    json!({"command": "shellcheck scripts/close_month.sh", "description": "Check the script"}),
                    "bash: shellcheck: command not found\n<shellId: 1 completed with exit code 127>",
                )]),
                step(vec![text(
                    "Done: both spellings set `DRY`. No open issue speaks of it. I could not check the script with \
                     shellcheck, which is not installed.",
                )]),
            ],
        )],
    }
}

/// A nightly script that sorts tickets, one call each.
pub(super) fn anthropic_sdk() -> Session {
    let ticket = |words: &str, kind: &str| turn(words, vec![step(vec![text(kind)])]);
    Session {
        program: Program::AnthropicSdk,
        hooks: false,
        person: BATCH,
        cwd: "",
        model: "claude-haiku-4-5-20251001",
        title: None,
        turns: vec![
            ticket("I was charged twice for May.", "billing"),
            ticket("The export button does nothing in Firefox.", "bug"),
            ticket("How do I change the address of my account?", "account"),
            ticket("Do you ship to Iceland?", "other"),
        ],
    }
}

/// A script that sums up release notes.
pub(super) fn openai_sdk() -> Session {
    let note = |words: &str, said: &str| turn(words, vec![step(vec![text(said)])]);
    Session {
        program: Program::OpenAiSdk,
        hooks: false,
        person: BATCH,
        cwd: "",
        model: "gpt-5.5-mini",
        title: None,
        turns: vec![
            note(
                "2.4.0: vouchers may be combined with discounts; rounding moved to the sum; Node 18 is no longer tested.",
                "Version 2.4.0 lets vouchers and discounts combine, rounds once per order, and drops Node 18.",
            ),
            note(
                "2.4.1: fixes a discount that was applied twice.",
                "Version 2.4.1 fixes a discount that was applied twice.",
            ),
        ],
    }
}
