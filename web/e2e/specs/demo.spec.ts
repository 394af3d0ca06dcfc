import { Server } from '../lib/server.ts';
import { expect, test } from '../lib/test.ts';
import { row, timeline } from '../lib/timeline.ts';

test('the demo shows the desk with agents at work, and nothing that was pasted in secret', async ({
  page,
  guard,
}) => {
  const demo = await Server.start({ demo: true });
  try {
    guard.origin = demo.url;
    await page.goto(demo.link);
    const rows = page.getByRole('list', { name: /^Sessions/ }).getByRole('listitem');
    for (const agent of ['Claude Code', 'Codex', 'opencode', 'GitHub Copilot CLI'])
      await expect(rows.filter({ hasText: agent }).first()).toBeVisible({ timeout: 30_000 });
    const pasted = rows.filter({ hasText: 'Deploy fails with 403' });
    await expect(pasted).toHaveCount(1);
    await page.screenshot({ path: 'test-results/screens/demo-list.png' });

    await pasted.getByRole('link').first().click();
    await expect(row(page, /^Prompt: The deploy fails at the push/)).toContainText('ANTHROPIC_API_KEY=');
    // It was come to from the list: the stream of events is the session's own now.
    await expect(page.locator('[data-live]')).toHaveAttribute('data-live', 'open');
    await row(page, /^Completion: The deploy fails/)
      .getByRole('button', { name: /^Show all/ })
      .click();
    await expect(page.getByText('U+202E RLO').first()).toBeVisible();
    await expect(timeline(page).getByRole('table').filter({ hasText: 'write:packages' })).toBeVisible();
    await page.getByRole('button', { name: 'Open or close all tool calls of turn 1' }).first().click();
    await expect(timeline(page).getByText('403 Forbidden')).toBeVisible();
    await expect(page.locator('body')).not.toContainText(/Demo0Demo0|Demo1Demo1/);
    await page.screenshot({ path: 'test-results/screens/demo-session.png' });
  } finally {
    await demo.stop();
  }
});

test('two agents of the demo have hooks, too, and both channels give one record', async ({ page, guard }) => {
  const demo = await Server.start({ demo: true });
  const ended = async (title: string) => {
    await page.goto(`${demo.url}/?channel=hook`);
    const rows = page.getByRole('list', { name: /^Sessions/ }).getByRole('listitem');
    await rows.filter({ hasText: title }).getByRole('link').first().click({ timeout: 30_000 });
    await expect(page.getByText('ended', { exact: true })).toBeVisible({ timeout: 30_000 });
    await page.goto(`${page.url()}?hide=model,reasoning,completion`);
    await expect(row(page, 'Session start: startup')).toBeVisible();
  };
  try {
    guard.origin = demo.url;
    await page.goto(demo.link);
    await ended('Old backups on the staging volume');
    const refused = row(page, /^Command line, failed: Bash rm -r/);
    await expect(refused).toHaveCount(1);
    await expect(refused).toContainText('permission asked');
    await expect(refused.getByRole('button', { name: 'Seen by edge, hook: details' })).toBeVisible();
    await expect(row(page, 'Compaction: manual')).toBeVisible();
    await page.screenshot({ path: 'test-results/screens/demo-hooks.png' });

    await ended('Cart discount applied twice');
    await page.goto(`${page.url()},builtin,cli`);
    await expect(row(page, 'Subagent: Find other double discounts')).toBeVisible();
    await expect(row(page, 'Subagent start: Explore')).toBeVisible();
    await expect(row(page, 'Subagent end: Explore')).toBeVisible();
  } finally {
    await demo.stop();
  }
});
