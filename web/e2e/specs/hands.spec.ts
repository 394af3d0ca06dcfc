import { Claude, text } from '../lib/claude.ts';
import { expect, test } from '../lib/test.ts';
import { row } from '../lib/timeline.ts';

test('lanes and turns fold by keys alone, and the focus stays', async ({ page, recorded, signIn }) => {
  await signIn(recorded.server);
  await page.goto(`${recorded.server.url}/sessions/${recorded.claude.id}`);
  const lane = row(page, 'Subagent: Count the lines');
  const inside = row(page, /^Prompt: RIG-SUBAGENT/);
  await expect(inside).toBeAttached();
  await page.keyboard.press('Home');
  const name = () => page.evaluate(() => document.activeElement?.getAttribute('aria-label') ?? '');
  for (let steps = 0; (await name()) !== 'Subagent: Count the lines'; steps += 1) {
    expect(steps, 'steps to the lane').toBeLessThan(60);
    await page.keyboard.press('j');
  }
  await page.keyboard.press('Enter');
  await expect(inside).toHaveCount(0);
  await expect(lane).toBeFocused();
  await expect(lane).toBeInViewport();
  await page.keyboard.press('Space');
  await expect(inside).toBeAttached();
  await expect(lane).toBeFocused();
  // By its button, too.
  await page.keyboard.press('Tab');
  await expect(lane.getByRole('button', { name: 'Count the lines: fold' })).toBeFocused();
  await page.keyboard.press('Enter');
  await expect(inside).toHaveCount(0);
  await expect(lane.getByRole('button', { name: 'Count the lines: unfold' })).toBeFocused();
  await page.keyboard.press('Enter');
  await expect(inside).toBeAttached();

  await page.keyboard.press('Home');
  const turn = row(page, /^Turn 1:/);
  await expect(turn).toBeFocused();
  await page.keyboard.press('Enter');
  await expect(lane).toHaveCount(0);
  await expect(turn).toBeFocused();
  await page.keyboard.press('Enter');
  await expect(row(page, 'Command line: Bash ls -la')).toBeVisible();
});

test('the map is dragged through the session, and no text is marked by it', async ({
  page,
  desk,
  signIn,
}) => {
  await signIn(desk.server);
  const agent = new Claude(desk.server, desk.upstream, { session: 'long' });
  for (let n = 1; n <= 30; n += 1) await agent.ask(`Question ${n}?`, [text(`Answer ${n}.\n\n`.repeat(8))]);
  await desk.server.recorded();
  const [session] = await desk.server.sessions();
  await page.goto(`${desk.server.url}/sessions/${session?.id}`);
  await expect(row(page, 'Prompt: Question 1?')).toBeVisible();
  const map = page.locator('canvas').locator('..');
  // Where it stands now: it goes up as the session's facts are scrolled away.
  const to = async (across: number, down: number) => {
    const box = (await map.boundingBox()) ?? { x: 0, y: 0, height: 0, width: 0 };
    await page.mouse.move(box.x + across, box.y + 2 + down * (box.height - 4), { steps: 8 });
  };
  await to(10, 0);
  await page.mouse.down();
  await to(10, 0.5);
  await to(200, 1);
  await expect(row(page, /^Completion: Answer 30/)).toBeInViewport();
  await to(-300, 0);
  await expect(row(page, 'Prompt: Question 1?')).toBeInViewport();
  await page.mouse.up();
  await to(10, 1);
  await expect(row(page, 'Prompt: Question 1?')).toBeInViewport();
  expect(await page.evaluate(() => getSelection()?.toString())).toBe('');
});
