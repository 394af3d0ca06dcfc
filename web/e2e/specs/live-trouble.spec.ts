import { readFile } from 'node:fs/promises';
import type { Page } from '@playwright/test';
import { Claude, text, toolUse } from '../lib/claude.ts';
import { Line } from '../lib/line.ts';
import { type Desk, expect, test } from '../lib/test.ts';
import { row, timeline } from '../lib/timeline.ts';

/** A session of one question and answer, on the page. */
async function begun(page: Page, desk: Desk, at = desk.server.url): Promise<Claude> {
  const agent = new Claude(desk.server, desk.upstream, { session: 'live' });
  await agent.ask('The first?', [text('One.')]);
  await desk.server.recorded();
  const [session] = await desk.server.sessions();
  await page.goto(`${at}/sessions/${session?.id}`);
  await expect(row(page, 'Completion: One.')).toBeVisible();
  await expect(page.locator('[data-live]')).toHaveAttribute('data-live', 'open');
  return agent;
}

test('what happened while the connection was down comes when it is back, each once', async ({
  page,
  desk,
  signIn,
  guard,
}) => {
  await signIn(desk.server);
  const line = await Line.to(desk.server.url);
  guard.origin = line.url;
  guard.expect(/net::ERR_/);
  const agent = await begun(page, desk, line.url);

  line.cut();
  await expect(page.locator('[data-live]')).toHaveAttribute('data-live', 'waiting');
  await agent.ask('The second?', [text('Two.'), toolUse('toolu_2', 'Bash', { command: 'ls' })]);
  await desk.server.recorded();
  await expect(row(page, 'Completion: Two.')).toHaveCount(0);

  line.mend();
  await expect(page.locator('[data-live]')).toHaveAttribute('data-live', 'open', { timeout: 30_000 });
  await expect(row(page, 'Completion: Two.')).toBeVisible();
  await agent.results([{ id: 'toolu_2', content: 'a.txt' }], [text('Three.')]);
  await expect(row(page, 'Completion: Three.')).toBeVisible();
  for (const name of ['Prompt: The second?', 'Completion: Two.', 'Command line: Bash ls'])
    await expect(row(page, name)).toHaveCount(1);
  await line.stop();
});

test('a call that gets its id with the answer stays one row, and what is open of it stays open', async ({
  page,
  desk,
  signIn,
}) => {
  await signIn(desk.server);
  const agent = await begun(page, desk);
  const { answer, asked } = held(agent, 'The second?', 'Two.');
  const pending = row(page, /^Model call/).nth(1);
  await expect(pending).toContainText('no answer');
  await page.keyboard.press('End');
  await expect(pending).toBeFocused();
  await page.keyboard.press('c');
  const panel = page.getByRole('dialog', { name: 'What the model saw' });
  await expect(panel).toContainText('The request as it was sent');
  const most = await mostAtOnce(page, 'Model call');

  answer();
  await asked;
  // What is under the panel has no role while it is open.
  await expect(page.getByLabel('Completion: Two.')).toBeAttached();
  await expect(panel).toContainText('The request as it was sent');
  expect(await most()).toBe(2);
  await page.keyboard.press('[');
  await expect(panel.getByRole('button', { name: 'Previous call' })).toBeDisabled();
  await page.keyboard.press('Escape');
  await expect(panel).toBeHidden();
  await expect(pending).toContainText('200');
  await expect(pending).toBeFocused();

  // The focus by itself is kept, too.
  const third = held(agent, 'The third?', 'Three.');
  const last = row(page, /^Model call/).nth(2);
  await expect(last).toContainText('no answer');
  await page.keyboard.press('End');
  await expect(last).toBeFocused();
  third.answer();
  await third.asked;
  await expect(last).toContainText('200');
  await expect(last).toBeFocused();
});

test('an export of a session that is at work holds what was there, and later the rest', async ({
  page,
  desk,
  signIn,
}) => {
  await signIn(desk.server);
  const agent = await begun(page, desk);
  const exported = async (name: string) => {
    await page.getByRole('button', { name: 'Export' }).click();
    const download = page.waitForEvent('download');
    await page.getByRole('menuitem', { name }).click();
    return readFile(await (await download).path(), 'utf8');
  };
  const { answer, asked } = held(agent, 'The second?', 'Two.');
  await expect(row(page, 'Prompt: The second?')).toBeVisible();
  const early = (await exported('NDJSON')).trim().split('\n');
  expect(early.map((text) => JSON.parse(text) as unknown).length).toBeGreaterThan(3);
  expect(early.join()).toContain('The second?');
  expect(JSON.parse(await exported('ATIF'))).toMatchObject({ schema_version: expect.stringMatching(/ATIF/) });

  answer();
  await asked;
  await expect(row(page, 'Completion: Two.')).toBeVisible();
  await desk.server.recorded();
  const late = (await exported('NDJSON')).trim().split('\n');
  expect(late.length).toBeGreaterThan(early.length);
  expect(late.join()).toContain('Two.');
  await expect(timeline(page)).toBeVisible();
});

/** A question whose answer waits until it is told to come. */
function held(agent: Claude, prompt: string, words: string): { answer: () => void; asked: Promise<void> } {
  let answer = () => {};
  const told = new Promise<void>((done) => {
    answer = done;
  });
  return { answer, asked: agent.ask(prompt, [text(words)], told) };
}

/** Watches how many rows of a kind stand in the timeline; tells the most that ever were. */
async function mostAtOnce(page: Page, kind: string): Promise<() => Promise<number>> {
  const watch = await page.getByLabel('Timeline').evaluateHandle((feed, name) => {
    const seen = { most: 0 };
    const count = () => {
      const now = feed.querySelectorAll(`[role=article][aria-label^="${name}"]`).length;
      seen.most = Math.max(seen.most, now);
    };
    new MutationObserver(count).observe(feed, { childList: true, subtree: true });
    count();
    return seen;
  }, kind);
  return () => watch.evaluate(({ most }) => most);
}
