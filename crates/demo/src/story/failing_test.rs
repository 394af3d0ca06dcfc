//! Claude Code finds out why a test fails, has a subagent look for more of the same, and opens an issue.

use serde_json::json;

use crate::script::{
    ANA, Program, Say, Session, Step, Trouble, Turn, asked, call, delegates, fails, gives_value, step, text, think,
    turn,
};

const FAILING: &str = "Exit code 1\n\n> storefront@2.4.0 test\n> vitest run src/cart\n\n \u{1b}[31m❯\u{1b}[0m src/cart/total.test.ts (3 tests | 1 failed) 14ms\n   × total > applies a percentage discount once\n     → expected 81 to be 90\n\n AssertionError: expected 81 to be 90 // Object.is equality\n ❯ src/cart/total.test.ts:22:32\n     20|   it('applies a percentage discount once', () => {\n     21|     const cart = cartOf({ price: 100, quantity: 1 }, { percent: 10 });\n     22|     expect(total(cart)).toBe(90);\n\n Test Files  1 failed (1)\n      Tests  1 failed | 2 passed (3)";

const SOURCE: &str = "     1\timport type { Cart } from './types';\n     2\timport { discounted } from './discount';\n     3\t\n     4\t/** Sum of the lines in cents, after the cart's discount. */\n     5\texport function total(cart: Cart): number {\n     6\t  const lines = cart.lines.map((line) => discounted(line.price, cart.discount) * line.quantity);\n     7\t  const sum = lines.reduce((left, right) => left + right, 0);\n     8\t  return discounted(sum, cart.discount);\n     9\t}\n";

const PASSING: &str = "\n> storefront@2.4.0 test\n> vitest run src/cart\n\n \u{1b}[32m✓\u{1b}[0m src/cart/total.test.ts (4 tests) 9ms\n\n Test Files  1 passed (1)\n      Tests  4 passed (4)";

pub(super) fn session() -> Session {
    Session {
        program: Program::ClaudeCode,
        hooks: true,
        person: ANA,
        cwd: "/home/ana/src/storefront",
        model: "claude-opus-5-5",
        title: Some("Cart discount applied twice".to_owned()),
        turns: vec![find(), prove(), elsewhere()],
    }
}

fn find() -> Turn {
    turn(
        "The test `applies a percentage discount once` in src/cart fails since yesterday. Find out why and fix it.",
        vec![
            step(vec![
                think("First see it fail, then read what total() does."),
                text("I'll run the tests of the cart first."),
                todo("in_progress", "pending", "pending"),
                fails("Bash", json!({"command": "npm test -- src/cart", "description": "Run the cart's tests"}), FAILING),
            ]),
            step(vec![
                text("81 is 90 with another 10 % off: the discount is applied twice."),
                call("Read", json!({"file_path": "/home/ana/src/storefront/src/cart/total.ts"}), SOURCE),
                call(
                    "Grep",
                    json!({"pattern": "discounted\\(", "path": "src", "output_mode": "content", "-n": true}),
                    "src/cart/total.ts:6:  const lines = cart.lines.map((line) => discounted(line.price, cart.discount) \
                     * line.quantity);\nsrc/cart/total.ts:8:  return discounted(sum, cart.discount);\n\
                     src/cart/discount.ts:4:export function discounted(cents: number, discount?: Discount): number {",
                ),
            ]),
            step(vec![
                think(
                    "Line 6 takes the discount off each line and line 8 takes it off the sum again. Rounding per line \
                     would lose cents, so the one on the sum stays.",
                ),
                text("Lines 6 and 8 both take it off. I keep the one on the sum, where rounding happens once."),
                call(
                    "Edit",
                    json!({
                        "file_path": "/home/ana/src/storefront/src/cart/total.ts",
                        "old_string": "  const lines = cart.lines.map((line) => discounted(line.price, cart.discount) * line.quantity);",
                        "new_string": "  const lines = cart.lines.map((line) => line.price * line.quantity);",
                        "replace_all": false
                    }),
                    "The file /home/ana/src/storefront/src/cart/total.ts has been updated successfully.",
                ),
            ])
            .after(Trouble::Overloaded),
            step(vec![call(
                "Bash",
                json!({"command": "npm test -- src/cart", "description": "Run the cart's tests again"}),
                PASSING.replace("4 tests", "3 tests").replace("4 passed (4)", "3 passed (3)"),
            )]),
            step(vec![text(
                "Fixed. `total()` took the discount off each line **and** off the sum; now only off the sum, so cents are \
                 rounded once. All 3 tests of the cart pass.",
            )]),
        ],
    )
}

fn prove() -> Turn {
    turn(
        "Add a test with two lines and an odd price, so that the rounding is held too.",
        vec![
            step(vec![
                todo("completed", "in_progress", "pending"),
                call(
                    "Write",
                    json!({
                        "file_path": "/home/ana/src/storefront/src/cart/rounding.test.ts",
                        "content": "import { expect, it } from 'vitest';\nimport { cartOf } from './fixtures';\nimport { total } from './total';\n\nit('rounds once, over all lines', () => {\n  const cart = cartOf({ price: 333, quantity: 1 }, { price: 333, quantity: 1 }, { percent: 5 });\n  expect(total(cart)).toBe(633);\n});\n"
                    }),
                    "File created successfully at: /home/ana/src/storefront/src/cart/rounding.test.ts",
                ),
                call(
                    "Bash",
                    json!({"command": "npm test -- src/cart && git diff --stat", "description": "Test and show the change"}),
                    format!("{PASSING}\n src/cart/total.ts | 2 +-\n 1 file changed, 1 insertion(+), 1 deletion(-)"),
                ),
            ]),
            step(vec![text(
                "The new test holds it: 666 cents less 5 % are 632.7, which rounds to 633. Per line it was 632.",
            )]),
        ],
    )
}

fn elsewhere() -> Turn {
    turn(
        "Is the same mistake anywhere else? Look through the repository, and open an issue for what you find.",
        vec![
            step(vec![
                text("I'll have that searched while I keep this conversation small."),
                delegates(
                    "Find other double discounts",
                    "Find every place under src/ where discounted() is called on an amount that has been discounted \
                     before. Report file and line only.",
                    search(),
                ),
            ]),
            step(vec![
                todo("completed", "completed", "in_progress"),
                asked(gives_value(
                    "mcp__github__create_issue",
                    json!({
                        "owner": "example", "repo": "storefront", "labels": ["bug"],
                        "title": "Vouchers take the discount off twice",
                        "body": "`src/voucher/apply.ts:31` calls `discounted()` on a sum that `total()` has discounted before."
                    }),
                    json!([{"type": "text", "text": "{\"number\":412,\"state\":\"open\",\"html_url\":\"https://github.com/example/storefront/issues/412\",\"labels\":[\"bug\"],\"user\":{\"login\":\"ana\"}}"}]),
                )),
            ]),
            step(vec![todo("completed", "completed", "completed")]),
            step(vec![text(
                "One more place: `src/voucher/apply.ts:31`. I opened \
                 [issue 412](https://github.com/example/storefront/issues/412) and changed nothing there.",
            )]),
        ],
    )
}

fn search() -> Vec<Step> {
    vec![
        step(vec![call(
            "Grep",
            json!({"pattern": "discounted\\(", "path": "src", "output_mode": "content", "-n": true}),
            "src/cart/total.ts:8:  return discounted(sum, cart.discount);\nsrc/voucher/apply.ts:31:  return \
             discounted(total(cart), voucher.discount);",
        )]),
        step(vec![call(
            "Bash",
            json!({"command": "sed -n 24,34p src/voucher/apply.ts", "description": "Read around the call"}),
            "export function apply(cart: Cart, voucher: Voucher): number {\n  // total() knows of the voucher since 2.3\n  \
             return discounted(total(cart), voucher.discount);\n}",
        )]),
        step(vec![text("src/voucher/apply.ts:31: total() has taken voucher.discount off already.")]),
    ]
}

fn todo(find: &str, prove: &str, elsewhere: &str) -> Say {
    let input = json!({"todos": [
        {"content": "Find why the test fails and fix it", "activeForm": "Finding out why the test fails", "status": find},
        {"content": "Hold the rounding with a test", "activeForm": "Writing a test for the rounding", "status": prove},
        {"content": "Look for the same elsewhere", "activeForm": "Looking for the same elsewhere", "status": elsewhere},
    ]});
    call("TodoWrite", input, "Todos have been modified successfully.")
}
