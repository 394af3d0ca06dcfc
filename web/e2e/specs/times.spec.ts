import { expect, test } from '../lib/test.ts';
import { timeline } from '../lib/timeline.ts';

const ZONE = 'Pacific/Auckland';
test.use({ timezoneId: ZONE });

test('times are those of who looks', async ({ page, recorded, signIn }) => {
  await signIn(recorded.server);
  await page.goto(`${recorded.server.url}/sessions/${recorded.claude.id}`);
  const first = timeline(page).locator('time').nth(1);
  const at = await first.getAttribute('datetime');
  expect(at).toMatch(/Z$/);
  const local = new Intl.DateTimeFormat('en-GB', { timeZone: ZONE, timeStyle: 'medium' }).format(
    new Date(at ?? ''),
  );
  await expect(first).toHaveText(local);
  await first.hover();
  await expect(first).toHaveAttribute('title', /GMT\+1[23]|NZDT|NZST|\+1[23]/);
});

test('colours follow the system until one is chosen, and the choice is kept', async ({
  page,
  recorded,
  signIn,
}) => {
  await signIn(recorded.server);
  await page.emulateMedia({ colorScheme: 'dark' });
  await page.goto(recorded.server.url);
  const ground = () =>
    page.evaluate(() => {
      const [r = 0, g = 0, b = 0] = (
        getComputedStyle(document.body).backgroundColor.match(/[\d.]+/g) ?? []
      ).map(Number);
      return r + g + b < 384 ? 'dark' : 'light';
    });
  await expect(page.getByRole('list', { name: /^Sessions/ })).toBeVisible();
  expect(await ground()).toBe('dark');
  await page.getByRole('button', { name: /Switch to light/ }).click();
  await expect.poll(ground).toBe('light');
  await page.reload();
  await expect(page.getByRole('button', { name: /Colours: light/ })).toBeVisible();
  expect(await ground()).toBe('light');
});
