import { expect, test } from '../lib/test.ts';
import { open, row, timeline } from '../lib/timeline.ts';

test.beforeEach(async ({ page, recorded, signIn }) => {
  await signIn(recorded.server);
  await page.goto(`${recorded.server.url}/sessions/${recorded.codex.id}`);
  await expect(timeline(page)).toBeVisible();
});

test('a command shows its exit code and what it wrote, without what the agent wrote around it', async ({
  page,
}) => {
  const ls = row(page, 'Command line: exec_command ls -la');
  await expect(ls).toContainText('exit 0');
  await open(ls);
  await expect(ls).toContainText('README.md');
  await page.getByRole('button', { name: /^Errors only/ }).click();
  const failed = timeline(page).getByRole('article', { name: /failed: exec_command/ });
  await expect(failed.first()).toContainText(/exit [1-9]/);
});

test('a patch is shown as the change it makes', async ({ page }) => {
  const patch = row(page, 'Tool call: apply_patch notes.txt');
  await expect(patch).toContainText('notes.txt');
  await expect(patch).not.toContainText('Begin Patch');
  await open(patch);
  await expect(patch.getByText('notes.txt').last()).toBeVisible();
  const change = patch.getByRole('table').filter({ hasText: 'DONE' });
  await expect(change.getByRole('row').filter({ hasText: 'TODO' })).toContainText('−');
  await expect(change.getByRole('row').filter({ hasText: 'DONE' })).toContainText('+');
});

test('MCP calls, built-in tools and commands are told apart', async ({ page }) => {
  await expect(row(page, /^MCP call: echo/)).toContainText('MCP rigmcp');
  await expect(row(page, /^Tool call: spawn_agent/)).toContainText('built in');
  await expect(row(page, 'Command line: exec_command ls -la')).toContainText('command ls');
  for (const shown of ['MCP 1', 'Command line 4', 'Tools 5'])
    await expect(page.getByRole('button', { name: shown, exact: true })).toHaveAttribute(
      'aria-pressed',
      'true',
    );
});

test('its subagent has a lane of its own', async ({ page }) => {
  await expect(row(page, 'Subagent: RIG-SUBAGENT: count the lines of notes.txt')).toContainText('5 events');
});

test('what the model saw is rebuilt for the Responses API too', async ({ page }) => {
  await row(page, /^Model call/)
    .nth(2)
    .getByRole('button', { name: 'What the model saw' })
    .click();
  const panel = page.getByRole('dialog', { name: 'What the model saw' });
  await expect(panel).toContainText('The request as it was sent');
  await expect(panel).toContainText('ls -la');
});
