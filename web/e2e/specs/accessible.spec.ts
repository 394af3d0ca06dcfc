import type { Page } from '@playwright/test';
import { lookAtBoth } from '../lib/look.ts';
import { expect, type Recorded, test } from '../lib/test.ts';
import { open, row, timeline } from '../lib/timeline.ts';

const WIDTHS = { wide: { width: 1440, height: 900 }, narrow: { width: 390, height: 844 } };

/** Each page, and when it stands. */
const PAGES: Record<string, (page: Page, recorded: Recorded) => Promise<void>> = {
  list: async (page, { server }) => {
    await page.goto(server.url);
    await expect(page.getByRole('list', { name: /^Sessions/ }).getByRole('listitem')).toHaveCount(6);
  },
  'list-search': async (page, { server }) => {
    await page.goto(`${server.url}/?q=notes&agent=codex`);
    await expect(page.getByRole('list', { name: 'Found in' }).first()).toBeVisible();
  },
  'list-filter-open': async (page, { server }) => {
    await page.goto(server.url);
    await page.getByRole('combobox', { name: 'Model' }).click();
    await expect(page.getByRole('option').first()).toBeVisible();
  },
  'session-claude': async (page, { server, claude }) => {
    await page.goto(`${server.url}/sessions/${claude.id}`);
    await open(row(page, 'Command line: Bash ls -la'));
    await expect(page.getByText('main.py').first()).toBeVisible();
    await row(page, /^Prompt: RIG-PROMPT/)
      .locator('summary')
      .first()
      .click();
  },
  'session-codex': async (page, { server, codex }) => {
    await page.goto(`${server.url}/sessions/${codex.id}`);
    await page
      .getByRole('button', { name: /Open or close all tool calls of turn 1/ })
      .first()
      .click();
    await expect(timeline(page).getByRole('table').first()).toBeVisible();
  },
  'session-find': async (page, { server, codex }) => {
    await page.goto(`${server.url}/sessions/${codex.id}?find=notes`);
    await page.keyboard.press('Control+f');
    await expect(timeline(page).locator('mark').first()).toBeVisible();
  },
  'session-context': async (page, { server, claude }) => {
    await page.goto(`${server.url}/sessions/${claude.id}`);
    await row(page, /^Model call/)
      .nth(1)
      .getByRole('button', { name: 'What the model saw' })
      .click();
    await expect(page.getByRole('dialog')).toContainText('The request as it was sent');
    await expect.soft(page.getByRole('button', { name: 'Close' })).toBeInViewport({ ratio: 1 });
  },
  'session-changes': async (page, { server, claude }) => {
    await page.goto(`${server.url}/sessions/${claude.id}`);
    await row(page, /^Model call/)
      .nth(1)
      .getByRole('button', { name: 'What the model saw' })
      .click();
    await page.getByRole('button', { name: 'Changes since the previous call' }).click();
    await expect(page.getByRole('dialog')).toContainText('ls -la');
  },
  'session-missing': async (page, { server }) => {
    await page.goto(`${server.url}/sessions/ses_${'0'.repeat(32)}`);
    await expect(page.getByRole('heading', { name: 'No such session' })).toBeVisible();
  },
  connect: async (page, { server }) => {
    await page.goto(`${server.url}/connect`);
    await expect(page.getByRole('tabpanel')).toBeVisible();
  },
  nowhere: async (page, { server }) => {
    await page.goto(`${server.url}/nowhere`);
    await expect(page.getByRole('heading', { name: 'No such page' })).toBeVisible();
  },
};

test.describe.configure({ mode: 'parallel' });

for (const [width, viewport] of Object.entries(WIDTHS)) {
  for (const [name, arrive] of Object.entries(PAGES)) {
    test(`nothing for axe to find: ${name}, ${width}`, async ({ page, recorded, signIn, guard }) => {
      guard.expect(/status of 404/);
      await signIn(recorded.server);
      await page.setViewportSize(viewport);
      await page.emulateMedia({ colorScheme: 'light', reducedMotion: 'reduce' });
      await arrive(page, recorded);
      await lookAtBoth(page, `${name}-${width}`);
    });
  }
}

test('nothing for axe to find before a sign-in and before there is a session', async ({
  page,
  desk,
  signIn,
  guard,
}) => {
  guard.origin = desk.server.url;
  guard.expect(/status of 401/);
  await page.goto(desk.server.url);
  await expect(page.getByRole('heading', { name: 'Sign in to Ursa' })).toBeVisible();
  await lookAtBoth(page, 'sign-in');
  await signIn(desk.server);
  await page.goto(desk.server.url);
  await expect(page.getByRole('heading', { name: 'No sessions yet' })).toBeVisible();
  await lookAtBoth(page, 'empty');
});
