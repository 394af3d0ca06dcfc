import { Claude, text, toolUse } from '../lib/claude.ts';
import { expect, test } from '../lib/test.ts';
import { row } from '../lib/timeline.ts';

const WIDTHS = [1440, 390];

test('long and many values of a session do not push it out of sight', async ({ page, desk, signIn }) => {
  await signIn(desk.server);
  const cwd = `/home/dev/${'very-long-folder-name/'.repeat(200)}end`;
  const agent = new Claude(desk.server, desk.upstream, { session: 'long', cwd });
  const uses = Array.from({ length: 60 }, (_, n) =>
    toolUse(`toolu_${n}`, `mcp__server_number_${n}__look`, { n }),
  );
  await agent.ask('Look everywhere.', [text('Looking.'), ...uses]);
  await desk.server.recorded();
  const [session] = await desk.server.sessions();
  const { url } = desk.server;
  await page.goto(`${url}/sessions/${session?.id}`);
  const folder = page.getByRole('definition').filter({ hasText: '/home/dev/very-long' });
  const servers = page.getByRole('definition').filter({ hasText: 'server_number_' });
  for (const width of WIDTHS) {
    await page.setViewportSize({ width, height: 900 });
    await expect(row(page, 'Prompt: Look everywhere.')).toBeInViewport();
    // What scrolls is the session, not the page around it.
    expect(await page.evaluate(() => document.documentElement.scrollHeight)).toBe(900);
    for (const fact of [folder, servers]) {
      await fact.getByRole('button', { name: /^Show all [\d,]+ characters$/ }).click();
      const box = fact.getByRole('region');
      expect((await box.boundingBox())?.height).toBeLessThan(200);
      await fact.getByRole('button', { name: 'Show less' }).click();
    }
  }
  await folder.getByRole('button', { name: /^Show all/ }).click();
  await expect(folder.getByRole('region', { name: 'Folder' })).toHaveText(cwd);
});

test('the toggle for Markdown covers none of the words', async ({ page, desk, signIn }) => {
  await signIn(desk.server);
  const agent = new Claude(desk.server, desk.upstream, { session: 'markdown' });
  await agent.ask(`Please **read** this line, which is long: ${'word '.repeat(60)}\n\n- one\n- two`, [
    text('Done.'),
  ]);
  await desk.server.recorded();
  const [session] = await desk.server.sessions();
  await page.goto(`${desk.server.url}/sessions/${session?.id}`);
  const prompt = row(page, /^Prompt: Please/);
  const toggle = prompt.getByRole('button', { name: 'Markdown' });
  for (const width of WIDTHS) {
    await page.setViewportSize({ width, height: 900 });
    for (const pressed of ['true', 'false']) {
      await toggle.click();
      await expect(toggle).toHaveAttribute('aria-pressed', pressed);
      expect(await toggle.evaluate(wordsUnder)).toEqual([]);
    }
  }
});

/** Lines of text of the same row that lie under an element. */
function wordsUnder(element: Element): string[] {
  const over = element.getBoundingClientRect();
  const body = element.closest('[role=article]');
  if (!body) return ['no row'];
  const walker = document.createTreeWalker(body, NodeFilter.SHOW_TEXT);
  const under: string[] = [];
  for (let node = walker.nextNode(); node; node = walker.nextNode()) {
    if (element.contains(node)) continue;
    const range = document.createRange();
    range.selectNodeContents(node);
    const hit = [...range.getClientRects()].some(
      ({ left, right, top, bottom }) =>
        left < over.right && right > over.left && top < over.bottom && bottom > over.top,
    );
    if (hit) under.push(node.textContent ?? '');
  }
  return under;
}
