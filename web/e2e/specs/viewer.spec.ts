import { expect, test } from '../lib/test.ts';
import { row, timeline } from '../lib/timeline.ts';

/** Words of prompts, completions, arguments and results of the recording, and of its folder. */
const CONTENT = /RIG-|tidy|I'll look|Reading and writing|hello from the rig|main\.py|notes\.txt/;

test('a viewer sees that sessions were, and nothing of what was said', async ({ page, recorded, signIn }) => {
  await signIn(recorded.server, 'viewer');
  const told: string[] = [];
  page.on('response', async (response) => {
    if (response.url().includes('/api/v1/') && !response.url().includes('/live'))
      told.push(await response.text());
  });
  await page.goto(recorded.server.url);
  const list = page.getByRole('list', { name: /^Sessions/ });
  await expect(list.getByRole('listitem')).toHaveCount(6);
  await expect(page.getByText('Your role, viewer')).toBeVisible();
  await expect(page.getByRole('searchbox')).toHaveCount(0);
  await expect(page.locator('body')).not.toContainText(CONTENT);

  await page.goto(`${recorded.server.url}/sessions/${recorded.claude.id}`);
  await expect(timeline(page)).toBeVisible();
  await expect(row(page, /^Command line/).first()).toBeVisible();
  await expect(page.getByRole('button', { name: 'What the model saw' })).toHaveCount(0);
  await expect(page.getByRole('button', { name: 'Find in session' })).toHaveCount(0);
  await row(page, /^Command line/)
    .first()
    .locator('button[aria-expanded]')
    .first()
    .click();
  await expect(page.locator('body')).not.toContainText(CONTENT);
  await expect(page).not.toHaveTitle(CONTENT);
  expect(told.length).toBeGreaterThan(2);
  for (const answer of told) expect(answer).not.toMatch(CONTENT);
});
