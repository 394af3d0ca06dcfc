import type { Page } from '@playwright/test';
import { Harm } from '../lib/harm.ts';
import { attack, longLines } from '../lib/hostile.ts';
import { expect, test } from '../lib/test.ts';
import { timeline } from '../lib/timeline.ts';

/** Generous, on any machine: a page that hangs does not come back at all. */
const RESPONSIVE_MS = 10_000;
/** The timeline is taken in steps of this share of what is in sight. */
const STEP = 0.7;
/** Screens of a session that are looked at: what is opened may be long. */
const STEPS_MAX = 120;

/** Goes down the timeline, opens all that is folded, and looks at each stretch. */
async function through(page: Page, harm: Harm): Promise<void> {
  const feed = timeline(page);
  const opened: string[] = [];
  for (let step = 0; step < STEPS_MAX; step += 1) {
    await expect(feed.getByRole('article').first()).toBeVisible();
    await harm.look('session');
    opened.push(...(await feed.evaluate(openAll, opened)));
    await expect(feed.locator('[aria-busy="true"]')).toHaveCount(0);
    await harm.look('session, opened');
    if (await feed.evaluate(scrollOn, STEP)) return;
  }
}

/** Opens what is folded and was not opened before; answers what that was. */
function openAll(feed: Element, before: readonly string[]): string[] {
  const folded = feed.querySelectorAll<HTMLElement>(
    'button[aria-expanded="false"], details:not([open]) > summary',
  );
  const opened: string[] = [];
  for (const each of folded) {
    const row = each.closest('[role=article]')?.getAttribute('aria-posinset');
    const name = `${row} ${each.textContent}`;
    if (before.includes(name) || opened.includes(name)) continue;
    opened.push(name);
    each.click();
  }
  return opened;
}

/** Scrolls what holds the timeline; answers whether it was at its end. */
function scrollOn(feed: Element, step: number): boolean {
  let scroller: Element | null = feed;
  while (scroller !== null && !/auto|scroll/.test(getComputedStyle(scroller).overflowY))
    scroller = scroller.parentElement;
  if (scroller === null) return true;
  const before = scroller.scrollTop;
  scroller.scrollTop += scroller.clientHeight * step;
  return Math.abs(scroller.scrollTop - before) < 1;
}

test('hostile content runs nothing, loads nothing and deceives nobody', async ({ page, desk, signIn }) => {
  test.setTimeout(240_000);
  await attack(desk);
  await signIn(desk.server);
  const { url } = desk.server;
  const sessions = await desk.server.sessions();
  const hostile = sessions.find((session) => session.agent.slug === 'claude-code');
  const unknown = sessions.find((session) => session.agent.slug === 'unrecognised');
  const harm = new Harm(page);

  await test.step('in the list', async () => {
    await page.goto(url);
    await expect(page.getByRole('list', { name: /^Sessions/ }).getByRole('listitem')).toHaveCount(2);
    await harm.look('list');
    await page.screenshot({ path: 'test-results/screens/hostile-list.png' });
    for (const filter of ['User', 'Device', 'Model', 'Tool', 'MCP server']) {
      await page.getByRole('combobox', { name: filter, exact: true }).click();
      await expect(page.getByRole('option').first()).toBeVisible();
      await harm.look(`filter ${filter}`);
      await page.keyboard.press('Escape');
    }
    await page.goto(`${url}/?q=onerror`);
    await expect(page.getByRole('list', { name: 'Found in' }).first()).toBeVisible();
    await harm.look('search');
    await page.screenshot({ path: 'test-results/screens/hostile-search.png' });
  });

  await test.step('in the session', async () => {
    const began = Date.now();
    await page.goto(`${url}/sessions/${hostile?.id}`);
    await expect(timeline(page).getByRole('article').nth(1)).toBeVisible();
    expect(Date.now() - began, 'milliseconds until it stands').toBeLessThan(RESPONSIVE_MS);
    await page.screenshot({ path: 'test-results/screens/hostile-session.png' });
    await through(page, harm);
    await expect(page.getByText(/U\+202E RLO/).first()).toBeAttached();
    await page.screenshot({ path: 'test-results/screens/hostile-opened.png' });
  });

  await test.step('in what the model saw', async () => {
    await page.goto(`${url}/sessions/${hostile?.id}?hide=prompt,completion,reasoning,builtin,mcp,cli`);
    await timeline(page).getByRole('button', { name: 'What the model saw' }).nth(1).click();
    const panel = page.getByRole('dialog', { name: 'What the model saw' });
    await expect(panel).toContainText(/The request as it was sent|Put together/, {
      timeout: 2 * RESPONSIVE_MS,
    });
    await panel.evaluate(openAll, []);
    await harm.look('context');
    await page.screenshot({ path: 'test-results/screens/hostile-context.png' });
    await panel.getByRole('button', { name: 'Changes since the previous call' }).click();
    await expect(panel.getByText('Loading the previous request…')).toHaveCount(0);
    await harm.look('changes');
    await page.screenshot({ path: 'test-results/screens/hostile-changes.png' });
  });

  await test.step('of an agent that nobody knows', async () => {
    await page.goto(`${url}/sessions/${unknown?.id}`);
    await expect(timeline(page).getByRole('article').nth(1)).toBeVisible();
    await harm.look('unknown agent');
    await page.screenshot({ path: 'test-results/screens/hostile-unknown.png' });
  });
  harm.check();
});

test('ten megabytes in one line open at once, and the page stays at hand', async ({ page, desk, signIn }) => {
  await longLines(desk);
  await signIn(desk.server);
  const [session] = await desk.server.sessions();
  const began = Date.now();
  await page.goto(`${desk.server.url}/sessions/${session?.id}`);
  await expect(timeline(page).getByRole('article', { name: /^Completion: 0123/ })).toBeVisible();
  expect(Date.now() - began, 'milliseconds until it stands').toBeLessThan(RESPONSIVE_MS);

  const command = timeline(page).getByRole('article', { name: /^Command line: Bash cat/ });
  const opened = Date.now();
  await command.locator('button[aria-expanded]').first().click();
  await expect(command.getByText('0123456789abcdef').first()).toBeVisible();
  expect(Date.now() - opened, 'milliseconds until it is open').toBeLessThan(RESPONSIVE_MS);
  await page.screenshot({ path: 'test-results/screens/hostile-long-line.png' });
  const laidOut = await command.evaluate((element) => element.textContent?.length ?? 0);
  expect(laidOut, 'characters that are laid out').toBeLessThan(1_000_000);

  await command
    .getByRole('button', { name: /^Show next/ })
    .first()
    .click();
  await expect
    .poll(() => command.evaluate((element) => element.textContent?.length ?? 0))
    .toBeGreaterThan(laidOut);
  await page.keyboard.press('?');
  await expect(page.getByRole('dialog')).toBeVisible({ timeout: RESPONSIVE_MS });
});
