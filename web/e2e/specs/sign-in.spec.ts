import { expect, test } from '../lib/test.ts';

test('the printed link signs in once, and a used one says so', async ({ page, browser, desk, guard }) => {
  guard.origin = desk.server.url;
  await page.goto(desk.server.link);
  await expect(page.getByRole('heading', { name: 'No sessions yet' })).toBeVisible();
  expect(page.url(), 'the secret stays nowhere in the address').toBe(`${desk.server.url}/`);

  const other = await browser.newContext();
  const late = await other.newPage();
  await late.goto(desk.server.link);
  await expect(late.getByRole('alert')).toContainText('This sign-in link no longer works');
  await expect(late.getByRole('heading', { name: 'Sign in to Ursa' })).toBeVisible();
  expect(new URL(late.url()).search, 'a used secret is not kept in the address either').toBe('');
  await other.close();
});

test('a token signs in, a wrong one says why not, and signing out ends it', async ({ page, desk, guard }) => {
  guard.origin = desk.server.url;
  // The browser tells of each refused request; these are meant.
  guard.expect(/status of 40[13]/);
  await page.goto(`${desk.server.url}/connect`);
  const field = page.getByLabel('Token', { exact: true });
  await field.fill('ursa_notatoken');
  await page.getByRole('button', { name: 'Sign in' }).click();
  await expect(page.getByRole('alert')).toBeVisible();
  await expect(field).toHaveAttribute('aria-invalid', 'true');

  await field.fill(desk.server.token('analyst'));
  await page.getByRole('button', { name: 'Sign in' }).click();
  await expect(page.getByRole('heading', { name: 'Connect an agent' })).toBeVisible();

  await page.getByRole('button', { name: 'Account' }).click();
  await expect(page.getByText('Signed in as analyst')).toBeVisible();
  await page.getByRole('menuitem', { name: 'Sign out' }).click();
  await expect(page.getByRole('heading', { name: 'Sign in to Ursa' })).toBeVisible();
  await page.reload();
  await expect(page.getByRole('heading', { name: 'Sign in to Ursa' })).toBeVisible();
});

test('every answer carries the policy that keeps content from becoming code', async ({
  page,
  recorded,
  signIn,
}) => {
  await signIn(recorded.server);
  for (const path of ['/', '/connect', `/sessions/${recorded.claude.id}`, '/nowhere', '/api/v1/me']) {
    const answer = await page.request.get(recorded.server.url + path, { headers: { accept: 'text/html' } });
    const policy = answer.headers()['content-security-policy'] ?? '';
    for (const part of ["default-src 'none'", "script-src 'self'", "require-trusted-types-for 'script'"]) {
      expect(policy, path).toContain(part);
    }
    expect(policy, path).not.toContain('unsafe');
    expect(answer.headers()['x-content-type-options'], path).toBe('nosniff');
  }
});
