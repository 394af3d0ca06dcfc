import { Claude, text, toolUse } from '../lib/claude.ts';
import { expect, test } from '../lib/test.ts';
import { row, timeline } from '../lib/timeline.ts';

test('a session that is open grows as its agent works, and following keeps the end in sight', async ({
  page,
  desk,
  signIn,
}) => {
  await signIn(desk.server);
  const agent = new Claude(desk.server, desk.upstream, { session: 'live' });
  await agent.ask('Count to many.', [text('One.')]);
  await desk.server.recorded();
  const [session] = await desk.server.sessions();
  await page.goto(`${desk.server.url}/sessions/${session?.id}`);
  await expect(row(page, 'Completion: One.')).toBeVisible();
  const follow = page.getByRole('button', { name: 'Follow' });
  if ((await follow.getAttribute('aria-pressed')) === 'false') await follow.click();
  await expect(follow).toHaveAttribute('aria-pressed', 'true');

  for (let n = 2; n < 14; n += 1) {
    await agent.ask(`And then, for the ${n}th time?`, [
      text(`Number ${n}.`),
      toolUse(`toolu_${n}`, 'Bash', { command: `echo ${n}` }),
    ]);
    await agent.results([{ id: `toolu_${n}`, content: `${n}\n` }], [text(`Done with ${n}.`)]);
  }
  await expect(row(page, 'Completion: Done with 13.')).toBeInViewport();

  // Who looks at the beginning is left there, and told.
  await page.keyboard.press('Home');
  await expect(row(page, /^Turn 1:/)).toBeInViewport();
  await expect(follow).toHaveAttribute('aria-pressed', 'false');
  await agent.ask('The last one?', [text('That was all.')]);
  await expect(page.getByRole('button', { name: /new events? below/ })).toBeVisible();
  await expect(row(page, /^Turn 1:/)).toBeInViewport();
  await page.getByRole('button', { name: /new events? below/ }).click();
  await expect(row(page, 'Completion: That was all.')).toBeInViewport();
  await expect(timeline(page)).toBeVisible();
});

test('the connect page lights up when a first session arrives', async ({ page, desk, signIn }) => {
  await signIn(desk.server);
  await page.goto(`${desk.server.url}/connect`);
  const panel = page.getByRole('region', { name: 'New sessions' });
  await expect(panel).toContainText('Waiting for the first session…');
  const once = page.getByRole('tabpanel');
  await expect(once).toContainText(`${desk.server.url}/edge/anthropic`);

  await new Claude(desk.server, desk.upstream, { session: 'first' }).ask('Hello?', [text('Hello.')]);
  await expect(panel).toContainText('A session arrived');
  await expect(
    page.getByRole('tab', { name: /Claude Code/ }).getByRole('img', { name: 'has sessions' }),
  ).toBeVisible();
  await panel.getByRole('link', { name: 'Hello?' }).click();
  await expect(row(page, 'Completion: Hello.')).toBeVisible();
});
