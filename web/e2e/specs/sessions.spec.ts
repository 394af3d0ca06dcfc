import { Claude, text } from '../lib/claude.ts';
import { expect, test } from '../lib/test.ts';

test('sessions of all agents are listed with what they came to', async ({ page, recorded, signIn }) => {
  await signIn(recorded.server);
  await page.goto(recorded.server.url);
  const list = page.getByRole('list', { name: 'Sessions, newest first' });
  await expect(list.getByRole('listitem')).toHaveCount(6);
  for (const agent of ['Claude Code', 'Codex', 'opencode', 'GitHub Copilot CLI']) {
    await expect(list.getByText(agent).first()).toBeVisible();
  }
  const row = list.getByRole('listitem').filter({ has: page.locator(`a[href$="${recorded.codex.id}"]`) });
  await expect(row).toContainText('10 tool calls');
  await expect(row).toContainText('2 failed');
  await expect(row).toContainText('1 MCP call');
  await expect(row).toContainText('4 commands');
});

test('a filter narrows the list, stands in the address and can be taken out', async ({
  page,
  recorded,
  signIn,
}) => {
  await signIn(recorded.server);
  await page.goto(recorded.server.url);
  const rows = page.getByRole('list', { name: /^Sessions/ }).getByRole('listitem');
  await page.getByRole('combobox', { name: 'Agent' }).click();
  await page.getByRole('option', { name: /^Codex/ }).click();
  await expect(rows).toHaveCount(2);
  await expect(page).toHaveURL(/agent=codex/);
  await page.reload();
  await expect(rows).toHaveCount(2);
  await page.getByRole('button', { name: 'Remove filter: Agent' }).click();
  await expect(rows).toHaveCount(6);
  await expect(page).not.toHaveURL(/agent=/);

  await page.goto(`${recorded.server.url}/?user=nobody`);
  await expect(page.getByRole('heading', { name: 'No session matches' })).toBeVisible();
  await page.getByRole('button', { name: 'Clear the filters' }).click();
  await expect(rows).toHaveCount(6);
});

test('a search shows where the words stand and leads there', async ({ page, recorded, signIn }) => {
  await signIn(recorded.server);
  await page.goto(recorded.server.url);
  await expect(page.getByRole('searchbox')).toBeVisible();
  await page.keyboard.press('/');
  await expect(page.getByRole('searchbox')).toBeFocused();
  await page.keyboard.type('"hello from the rig"');
  await page.keyboard.press('Enter');
  const found = page.getByRole('list', { name: 'Found in' }).first();
  await expect(found.locator('mark').first()).toHaveText('hello from the rig');
  await found.getByRole('link').first().click();
  await expect(page).toHaveURL(/\/sessions\/ses_[0-9a-f]+\?event=evt_[0-9a-f]+/);
  await expect(page.locator('[data-target]')).toBeInViewport();
  await expect(page.locator('[data-target]')).toContainText('hello from the rig');
  await page.goBack();
  await expect(page.getByRole('searchbox')).toHaveValue('"hello from the rig"');
});

test('the list is gone through and opened by keys alone', async ({ page, recorded, signIn }) => {
  await signIn(recorded.server);
  await page.goto(recorded.server.url);
  const links = page.getByRole('list', { name: /^Sessions/ }).locator('a[data-row]');
  await expect(links).toHaveCount(6);
  await page.keyboard.press('j');
  await expect(links.nth(0)).toBeFocused();
  await page.keyboard.press('j');
  await expect(links.nth(1)).toBeFocused();
  await page.keyboard.press('k');
  await expect(links.nth(0)).toBeFocused();
  const id = await links.nth(0).getAttribute('data-row');
  await page.keyboard.press('Enter');
  await expect(page).toHaveURL(`${recorded.server.url}/sessions/${id}`);
  await expect(page.getByRole('feed', { name: 'Timeline' })).toBeVisible();
});

test('the first session turns the empty page into the list, and its news come in live', async ({
  page,
  desk,
  signIn,
}) => {
  await signIn(desk.server);
  await page.goto(desk.server.url);
  await expect(page.getByRole('heading', { name: 'No sessions yet' })).toBeVisible();
  await expect(page.getByRole('link', { name: 'Connect an agent' }).last()).toBeVisible();

  const { server, upstream } = desk;
  const first = new Claude(server, upstream, {
    session: 'first',
    headers: [['x-ursa-user', 'ada@example.com']],
  });
  await first.ask('Why does the build fail?', [text('Let me look.')]);
  const rows = page.getByRole('list', { name: /^Sessions/ }).getByRole('listitem');
  await expect(rows).toHaveCount(1);
  await expect(rows.first()).toContainText('Why does the build fail?');
  await expect(rows.first()).toContainText('ada@example.com');
  await expect(rows.first()).toContainText('1 prompt');

  await first.ask('And the tests?', [text('They pass.')]);
  await expect(rows.first()).toContainText('2 prompts');

  const second = new Claude(server, upstream, { session: 'second' });
  await second.ask('A second session', [text('Yes.')]);
  await expect(rows).toHaveCount(2);
  await expect(rows.first()).toContainText('A second session');
});
