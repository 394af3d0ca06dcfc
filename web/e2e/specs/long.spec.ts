import { execFileSync } from 'node:child_process';
import { program, Server } from '../lib/server.ts';
import { expect, signIn, test } from '../lib/test.ts';
import { timeline } from '../lib/timeline.ts';

/** More than the page asks for first. */
const EVENTS = 700;

test('a long session begins with its first events and becomes whole', async ({ page }) => {
  const dir = Server.folder();
  const args = [
    '--data-dir',
    dir,
    '--sessions',
    '1',
    '--events-per-session',
    '10',
    '--long-session',
    `${EVENTS}`,
  ];
  const long = execFileSync(program('testkit-seed'), args).toString().trim().split('\n').at(-1);
  const server = await Server.start({ dir });
  try {
    await signIn(page, server, 'admin');
    const asked: string[] = [];
    page.on('request', (request) => {
      if (request.url().includes('/outline')) asked.push(new URL(request.url()).search);
    });
    // Held back, so that what is shown before the whole is there can be looked at.
    let release = () => {};
    const held = new Promise<void>((done) => {
      release = done;
    });
    await page.route(/\/outline$/, async (route) => {
      await held;
      await route.continue();
    });
    await page.goto(`${server.url}/sessions/${long}`);
    await expect(timeline(page).getByRole('article').first()).toBeVisible();
    const counts = (await server.api<{ counts: { prompts: number } }>(`/sessions/${long}`)).counts;
    const prompts = page.getByRole('button', { name: /^Prompts/ });
    await expect(prompts).not.toHaveText(`Prompts ${counts.prompts}`);
    await expect(page.getByRole('button', { name: /new events? below/ })).toHaveCount(0);
    release();
    await expect(prompts).toHaveText(new RegExp(`Prompts\\s*${counts.prompts}$`));
    await expect(page.getByRole('button', { name: /new events? below/ })).toHaveCount(0);
    expect(asked).toEqual(['?limit=200', '']);

    const outline = await server.api<{ items: { id: string; kind: string }[] }>(`/sessions/${long}/outline`);
    expect(outline.items).toHaveLength(EVENTS);
    const last = outline.items.findLast(({ kind }) => kind === 'completion');
    await page.goto(`${server.url}/sessions/${long}?event=${last?.id}`);
    const target = timeline(page).locator('[data-target]');
    await expect(target).toBeInViewport();
    await expect(target).toHaveAccessibleName(/^Completion/);
  } finally {
    await server.stop();
  }
});
