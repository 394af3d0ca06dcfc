//! An answer breaks off, a call is refused, a tool fails, and in the end the conversation is summed up and goes on.

use serde_json::json;

use crate::script::{ANA, Program, Session, Trouble, Turn, TurnKind, asked, call, fails, step, text, think, turn};

pub(super) fn session() -> Session {
    Session {
        program: Program::ClaudeCode,
        hooks: true,
        person: ANA,
        cwd: "/home/ana/src/infra",
        model: "claude-opus-5-5",
        title: Some("Old backups on the staging volume".to_owned()),
        turns: vec![
            turn(
                "The staging volume is at 96 %. What is it, and can it go?",
                vec![
                    step(vec![
                        think("Sizes first, and nothing is deleted before Ana says so."),
                        call(
                            "Bash",
                            json!({"command": "du -xh --max-depth=2 /mnt/staging | sort -h | tail -n 4", "description": "Find what is large"}),
                            "2.1G\t/mnt/staging/logs\n11G\t/mnt/staging/images\n148G\t/mnt/staging/backups\n162G\t/mnt/staging",
                        ),
                    ])
                    .after(Trouble::Cut),
                    step(vec![asked(fails(
                        "Bash",
                        json!({"command": "rm -r /mnt/staging/backups/2024-*", "description": "Delete the backups of 2024"}),
                        "The user doesn't want to proceed with this tool use. The tool use was rejected (eg. if it was a \
                         file edit, the new_string was NOT written to the file). STOP what you are doing and wait for the \
                         user to tell you how to proceed.",
                    ))]),
                    step(vec![text("148 of 162 GB are backups. I deleted nothing; say which of them may go.")]),
                ],
            ),
            turn(
                "Only those older than the retention in backup.toml.",
                vec![
                    step(vec![fails(
                        "Read",
                        json!({"file_path": "/home/ana/src/infra/backup.toml"}),
                        "<tool_use_error>File does not exist. Did you mean etc/backup.toml?</tool_use_error>",
                    )]),
                    step(vec![call(
                        "Read",
                        json!({"file_path": "/home/ana/src/infra/etc/backup.toml"}),
                        "     1\t[retention]\n     2\tdays = 90\n     3\tkeep_monthly = 6\n",
                    )]),
                    step(vec![text(
                        "90 days, and six monthly ones. That leaves 31 GB; 117 GB may go. Here is the list as a dry run: \
                         `scripts/prune.sh --dry-run`.",
                    )]),
                ],
            ),
            Turn {
                kind: TurnKind::Compaction,
                ..turn(
                    "",
                    vec![step(vec![text(
                        "Ana asked what fills the staging volume. Backups do (148 of 162 GB). Deleting by hand was refused. \
                         Retention in etc/backup.toml: 90 days and six monthly ones. Next: prune with scripts/prune.sh.",
                    )])],
                )
            },
            turn(
                "Good. Run it for real.",
                vec![
                    step(vec![asked(call(
                        "Bash",
                        json!({"command": "scripts/prune.sh && df -h /mnt/staging", "description": "Prune the backups"}),
                        "pruned 214 files, 117G\nFilesystem      Size  Used Avail Use% Mounted on\n/dev/nvme1n1    168G   45G  \
                         123G  27% /mnt/staging",
                    ))]),
                    step(vec![text("Done: 117 GB are free again, the volume is at 27 %.")]),
                ],
            ),
        ],
    }
}
