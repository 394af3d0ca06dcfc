import type { Locator, Page } from '@playwright/test';

/** The timeline of a session page. */
export const timeline = (page: Page): Locator => page.getByRole('feed', { name: 'Timeline' });

/** A row by what it is called. */
export const row = (page: Page, name: string | RegExp): Locator =>
  timeline(page).getByRole('article', { name });

/** Opens a tool call's row by its head. */
export async function open(found: Locator): Promise<void> {
  await found.locator('button[aria-expanded="false"]').first().click();
}
