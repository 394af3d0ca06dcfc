import { readFile } from 'node:fs/promises';
import { expect, test } from '../lib/test.ts';
import { open, row, timeline } from '../lib/timeline.ts';

test.beforeEach(async ({ page, recorded, signIn }) => {
  await signIn(recorded.server);
  await page.goto(`${recorded.server.url}/sessions/${recorded.claude.id}`);
  await expect(timeline(page)).toBeVisible();
});

test('a session tells who, where and how much', async ({ page }) => {
  await expect(page.getByRole('heading', { level: 1 })).toHaveText('RIG-PROMPT: tidy this project.');
  const main = page.getByRole('main');
  for (const told of [
    'Claude Code 2.1.330',
    'claude-opus-5-5',
    '/home/dev/project',
    '10 model calls, 9 tool calls',
  ])
    await expect(main).toContainText(told);
  await expect(page).toHaveTitle(/RIG-PROMPT/);
});

test('what the user wrote stands apart from what the agent added', async ({ page }) => {
  const prompt = row(page, 'Prompt: RIG-PROMPT: tidy this project.');
  const added = prompt.getByRole('group').filter({ hasText: 'system-reminder' });
  await expect(added).toHaveCount(2);
  await expect(prompt.getByText('This is the git status')).toBeHidden();
  await added.first().locator('summary').click();
  await expect(prompt.getByText('This is the git status')).toBeVisible();
});

test('commands, edits and MCP calls are told apart and open', async ({ page }) => {
  const bash = row(page, 'Command line: Bash ls -la');
  await open(bash);
  await expect(bash).toContainText('main.py');
  const edit = row(page, /^Tool call: Edit/);
  await open(edit);
  await expect(edit.getByRole('table')).toContainText('TODO');
  await expect(edit.getByRole('table')).toContainText('DONE');
  const mcp = row(page, /^MCP call: echo/);
  await expect(mcp).toContainText('MCP rigmcp');
  await open(mcp);
  await expect(mcp).toContainText('hello from the rig');
});

test('a subagent has a lane of its own that folds and can be singled out', async ({ page }) => {
  const lane = row(page, 'Subagent: Count the lines');
  await expect(lane).toContainText('6 events');
  const inside = row(page, /^Prompt: RIG-SUBAGENT/);
  await expect(inside).toBeAttached();
  await lane.getByRole('button', { name: 'Count the lines: fold' }).click();
  await expect(inside).toBeHidden();
  await lane.getByRole('button', { name: 'Count the lines: unfold' }).click();
  await expect(inside).toBeAttached();
  await page.getByRole('combobox', { name: 'Lane' }).selectOption({ label: 'Count the lines (6)' });
  await expect(inside).toBeVisible();
  await expect(row(page, 'Command line: Bash ls -la')).toBeHidden();
});

test('kinds can be hidden, errors singled out, and the address keeps it', async ({ page }) => {
  const models = row(page, /^Model call/);
  await expect(models.first()).toBeVisible();
  await page.getByRole('button', { name: /^Model calls/ }).click();
  await expect(models).toHaveCount(0);
  await expect(page).toHaveURL(/hide=model/);
  await page.reload();
  await expect(row(page, 'Command line: Bash ls -la')).toBeVisible();
  await expect(models).toHaveCount(0);
  await page.getByRole('button', { name: /^Errors only/ }).click();
  await expect(timeline(page).getByRole('article', { name: /failed:/ })).toHaveCount(2);
  await expect(row(page, 'Command line: Bash ls -la')).toHaveCount(0);
  await page.getByRole('button', { name: 'Show all' }).click();
  await expect(models.first()).toBeVisible();
});

test('what the model saw is shown exactly, and what is new in it', async ({ page }) => {
  await row(page, /^Model call/)
    .nth(1)
    .getByRole('button', { name: 'What the model saw' })
    .click();
  const panel = page.getByRole('dialog', { name: 'What the model saw' });
  await expect(panel).toContainText('The request as it was sent');
  await panel.getByText('System', { exact: true }).click();
  await expect(panel).toContainText("You are a Claude agent, built on Anthropic's Claude Agent SDK.");
  await panel.getByRole('button', { name: 'Changes since the previous call' }).click();
  await expect(panel).toContainText('ls -la');
  await panel.getByRole('button', { name: 'Next call' }).click();
  await expect(panel).toContainText('The request as it was sent');
  await page.keyboard.press('Escape');
  await expect(panel).toBeHidden();
});

test('words are found in the whole session and gone through', async ({ page }) => {
  await page.keyboard.press('Control+f');
  const field = page.getByRole('searchbox', { name: 'Find in this session' });
  await expect(field).toBeFocused();
  await field.fill('notes');
  const counted = page.getByRole('search', { name: 'Find in session' }).getByText(/^\d+ of \d+/);
  await expect(counted).toHaveText(/^1 of /);
  await expect(timeline(page).locator('mark').first()).toBeInViewport();
  await page.keyboard.press('Enter');
  await expect(counted).toHaveText(/^2 of /);
  await page.keyboard.press('Escape');
  await expect(field).toBeHidden();
});

test('the beginning of a word is found, and any part of one in what is loaded', async ({ page }) => {
  await page.keyboard.press('Control+f');
  const field = page.getByRole('searchbox', { name: 'Find in this session' });
  const bar = page.getByRole('search', { name: 'Find in session' });
  for (const part of ['not', 'otes.t', 'tidy this proj', 'RIG-PRO']) {
    await field.fill(part);
    await expect(bar.getByText(/^1 of \d/), part).toBeVisible();
    await expect(timeline(page).locator('mark').first()).toBeInViewport();
    await field.fill('');
    await expect(bar.getByText(/of/)).toHaveCount(0);
  }
  await field.fill('zzqx');
  await expect(bar.getByText('Not found')).toBeVisible();
});

test('a link to an event leads to it', async ({ page, context }) => {
  await context.grantPermissions(['clipboard-read', 'clipboard-write']);
  const last = row(page, /^Tool call: Edit/);
  await last.hover();
  await last.getByRole('button', { name: 'Copy a link to this event' }).click();
  await expect(page).toHaveURL(/\?event=evt_[0-9a-f]{32}$/);
  const copied = await page.evaluate(() => navigator.clipboard.readText());
  expect(copied).toBe(page.url());
  await page.goto('about:blank');
  await page.goto(copied);
  await expect(row(page, /^Tool call: Edit/)).toBeInViewport();
  await expect(page.locator('[data-target]')).toHaveAccessibleName(/^Tool call: Edit/);
});

test('rows are gone through and opened by keys alone', async ({ page }) => {
  await page.keyboard.press('j');
  await expect(timeline(page).getByRole('article').nth(0)).toBeFocused();
  await page.keyboard.press('e');
  const failed = timeline(page)
    .getByRole('article', { name: /failed:/ })
    .first();
  await expect(failed).toBeFocused();
  await page.keyboard.press('Enter');
  await expect(failed.getByRole('button', { expanded: true })).toBeVisible();
  await page.keyboard.press('?');
  await expect(page.getByRole('dialog')).toContainText('Next error');
  await page.keyboard.press('Escape');
  await expect(page.getByRole('dialog')).toBeHidden();
  await expect(failed).toBeFocused();
  await page.keyboard.press('Home');
  await expect(row(page, /^Turn 1/)).toBeFocused();
});

test('exports are what they say', async ({ page, recorded }) => {
  const exported = async (name: string) => {
    await page.getByRole('button', { name: 'Export' }).click();
    const download = page.waitForEvent('download');
    await page.getByRole('menuitem', { name }).click();
    return readFile(await (await download).path(), 'utf8');
  };
  const whole = JSON.parse(await exported('JSON one document')) as { events?: unknown[] };
  expect(JSON.stringify(whole)).toContain(recorded.claude.id);
  const lines = (await exported('NDJSON')).trim().split('\n');
  expect(lines.length).toBeGreaterThan(20);
  for (const line of lines) expect(() => JSON.parse(line) as unknown).not.toThrow();
  const atif = JSON.parse(await exported('ATIF')) as { schema_version?: string };
  expect(atif.schema_version).toMatch(/ATIF/);
});

test('who saw an event is told', async ({ page }) => {
  await row(page, 'Command line: Bash ls -la')
    .getByRole('button', { name: /^Seen by edge/ })
    .click();
  await expect(page.getByRole('dialog', { name: 'Who saw it' })).toContainText(/cap_[0-9a-f]{32}/);
});
