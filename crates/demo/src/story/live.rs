//! The session that goes on: small tasks in a web shop, one after the other.

use serde_json::json;

use crate::script::{Turn, call, fails, step, text, think, turn};

/// A task: component, what is asked, and the line that is replaced by another.
type Task = (&'static str, &'static str, &'static str, &'static str);

const TASKS: [Task; 6] = [
    ("PriceTag", "Show prices with a thousands separator.", "price.toFixed(2)", "format(price)"),
    ("SearchBox", "Wait 200 ms before a search is sent.", "onChange={search}", "onChange={debounce(search, 200)}"),
    (
        "CartLine",
        "The minus button must not go below 1.",
        "setQuantity(quantity - 1)",
        "setQuantity(Math.max(1, quantity - 1))",
    ),
    ("Gallery", "Load the pictures below the fold lazily.", "<img src={url} />", "<img src={url} loading=\"lazy\" />"),
    (
        "Checkout",
        "Say which field is missing.",
        "setError('Please check the form')",
        "setError(`${missing} is missing`)",
    ),
    ("Footer", "The year is still 2023.", "© 2023", "© {year}"),
];

/// Turns of one live session; with six tasks at four steps a session has 24 steps.
const TURNS: usize = TASKS.len();

/// Title and turns of a session. Each begins with another task.
pub(crate) fn turns(session: usize) -> (String, Vec<Turn>) {
    let turns: Vec<Turn> = (0..TURNS).map(|number| task(TASKS[(session + number) % TASKS.len()], number)).collect();
    let (first, ..) = TASKS[session % TASKS.len()];
    (format!("{first} and other small things"), turns)
}

fn task((component, asked, old, new): Task, number: usize) -> Turn {
    let file = format!("/home/ana/src/storefront/src/components/{component}.tsx");
    let test = json!({"command": format!("npm test -- {component}"), "description": "Run the component's tests"});
    let tested = if number % 3 == 2 {
        fails("Bash", test, "Exit code 1\n\n 1 failed | 5 passed (6)\n × renders → snapshot differs by one line")
    } else {
        call("Bash", test, "\n Test Files  1 passed (1)\n      Tests  6 passed (6)")
    };
    let done = if number % 3 == 2 {
        "One snapshot differs by the line that I changed. Everything else passes; say so and I update the snapshot."
    } else {
        "The component's six tests pass. The change is one line."
    };
    turn(
        format!("{component}: {asked}"),
        vec![
            step(vec![
                think(&format!("{component} is small. Read it, change one line, run its tests.")),
                text(format!("I'll read `{component}.tsx` first and see where that is decided.")),
                call(
                    "Read",
                    json!({"file_path": file}),
                    format!("    14\t  return (\n    15\t    {old}\n    16\t  );\n"),
                ),
            ]),
            step(vec![
                text("One line decides it. I change that and leave the rest of the component as it is."),
                call(
                    "Edit",
                    json!({"file_path": file, "old_string": old, "new_string": new}),
                    format!("The file {file} has been updated successfully."),
                ),
            ]),
            step(vec![tested]),
            step(vec![text(format!("**{component}**: {} {done}", asked.trim_end_matches('.')))]),
        ],
    )
}
