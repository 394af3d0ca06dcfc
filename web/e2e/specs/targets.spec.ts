import type { Page } from '@playwright/test';
import { expect, type Recorded, test } from '../lib/test.ts';
import { open, row, timeline } from '../lib/timeline.ts';

/** CSS pixels a side: WCAG 2.2, target size (minimum). */
const TARGET_PX = 24;

const WIDTHS = { wide: { width: 1440, height: 900 }, narrow: { width: 390, height: 844 } };

const PAGES: Record<string, (page: Page, recorded: Recorded) => Promise<void>> = {
  list: async (page, { server }) => {
    await page.goto(`${server.url}/?q=notes`);
    await expect(page.getByRole('list', { name: 'Found in' }).first()).toBeVisible();
  },
  session: async (page, { server, claude }) => {
    await page.goto(`${server.url}/sessions/${claude.id}?find=notes`);
    await expect(timeline(page).locator('mark').first()).toBeVisible();
    await page.keyboard.press('Home');
    await open(row(page, 'Command line: Bash ls -la'));
    await row(page, /^Prompt: RIG-PROMPT/)
      .locator('summary')
      .first()
      .click();
  },
  changes: async (page, { server, codex }) => {
    await page.goto(`${server.url}/sessions/${codex.id}`);
    await page.getByRole('button', { name: 'Open or close all tool calls of turn 1' }).first().click();
    await expect(timeline(page).getByRole('table').first()).toBeVisible();
  },
  context: async (page, { server, claude }) => {
    await page.goto(`${server.url}/sessions/${claude.id}`);
    const call = row(page, /^Model call/).nth(1);
    await call.getByRole('button', { name: 'What the model saw' }).click();
    await expect(page.getByRole('dialog')).toContainText('The request as it was sent');
  },
  connect: async (page, { server }) => {
    await page.goto(`${server.url}/connect`);
    await expect(page.getByRole('tabpanel')).toBeVisible();
  },
};

for (const [width, viewport] of Object.entries(WIDTHS)) {
  for (const [name, arrive] of Object.entries(PAGES)) {
    test(`what is pressed is large enough: ${name}, ${width}`, async ({ page, recorded, signIn }) => {
      await signIn(recorded.server);
      await page.setViewportSize(viewport);
      await page.emulateMedia({ reducedMotion: 'reduce' });
      await arrive(page, recorded);
      expect(await tooSmall(page)).toEqual([]);
    });
  }
}

/** What one presses that is smaller than a target must be, but for links among words, which are as high as these. */
function tooSmall(page: Page): Promise<string[]> {
  return page.evaluate((least) => {
    const pressed = 'a[href], button, summary, select, input, [role=button], [role=tab], [role=option]';
    const amongWords = (element: Element) =>
      getComputedStyle(element).display === 'inline' &&
      [...(element.parentElement?.childNodes ?? [])].some(
        (node) => node.nodeType === Node.TEXT_NODE && node.textContent?.trim() !== '',
      );
    return [...document.querySelectorAll<HTMLElement>(pressed)].flatMap((element) => {
      const { width, height } = element.getBoundingClientRect();
      const hidden =
        !element.checkVisibility({ visibilityProperty: true }) ||
        element.closest('[inert], [aria-hidden=true]');
      // Half a pixel: what is laid out in fractions is drawn in whole ones.
      if (hidden || amongWords(element) || (width >= least - 0.5 && height >= least - 0.5)) return [];
      const words = (element.getAttribute('aria-label') ?? element.textContent ?? '').trim().slice(0, 40);
      return [
        `${element.tagName} ${element.className} "${words}": ${width.toFixed(1)} x ${height.toFixed(1)}`,
      ];
    });
  }, TARGET_PX);
}
