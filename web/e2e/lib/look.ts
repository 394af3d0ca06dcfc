import AxeBuilder from '@axe-core/playwright';
import { expect, type Page } from '@playwright/test';

const RULES = ['wcag2a', 'wcag2aa', 'wcag21a', 'wcag21aa'];

/** In light and in dark; what does not depend on colours is asked once. */
export async function lookAtBoth(page: Page, name: string): Promise<void> {
  await page.emulateMedia({ colorScheme: 'light' });
  await look(page, `${name}-light`, new AxeBuilder({ page }).withTags(RULES));
  await page.emulateMedia({ colorScheme: 'dark' });
  await look(page, `${name}-dark`, new AxeBuilder({ page }).withRules('color-contrast'));
}

/** Runs axe, keeps a picture for people to look at, and lets nothing stand out at the side. */
async function look(page: Page, name: string, axe: AxeBuilder): Promise<void> {
  await page.screenshot({ path: `test-results/screens/${name}.png` });
  const { violations } = await axe.analyze();
  const found = violations.map(({ id, help, nodes }) => ({
    rule: `${id}: ${help}`,
    where: nodes.slice(0, 4).map((node) => `${node.target.join(' ')} — ${node.failureSummary ?? ''}`),
  }));
  expect.soft(found, name).toEqual([]);
  const over = await page.evaluate(() => document.documentElement.scrollWidth - innerWidth);
  expect.soft(over, `${name}: pixels that stand out to the right`).toBeLessThanOrEqual(0);
}
