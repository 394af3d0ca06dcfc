import { afterEach, describe, expect, it, vi } from 'vitest';
import { signIn } from './signIn';

const answer = (status: number, body: unknown) =>
  vi.spyOn(globalThis, 'fetch').mockResolvedValue(new Response(JSON.stringify(body), { status }));

afterEach(() => {
  vi.restoreAllMocks();
});

describe('signIn', () => {
  it('sends the token without what was pasted around it', async () => {
    const fetched = answer(200, { signed_in: true });
    expect(await signIn(' ursa_abc\n')).toBeUndefined();
    expect(fetched).toHaveBeenCalledWith(
      '/signin',
      expect.objectContaining({ body: '{"token":"ursa_abc"}' }),
    );
  });

  it('says what is wrong without asking the server', async () => {
    const fetched = answer(200, {});
    expect(await signIn('  ')).toMatch(/Paste a token/);
    expect(await signIn('http://127.0.0.1:4680/signin?token=ursa_signin_x')).toMatch(/link, not a token/);
    expect(fetched).not.toHaveBeenCalled();
  });

  it('puts the server’s answers into words', async () => {
    answer(403, { title: 'Forbidden', detail: 'x' });
    expect(await signIn('ursa_abc')).toMatch(/not a token of this server/);
    answer(503, { title: 'Busy', detail: 'the store is busy' });
    expect(await signIn('ursa_abc')).toMatch(/the store is busy/);
    vi.spyOn(globalThis, 'fetch').mockResolvedValue(new Response('<html>', { status: 502 }));
    expect(await signIn('ursa_abc')).toMatch(/status 502/);
    vi.spyOn(globalThis, 'fetch').mockRejectedValue(new TypeError('failed'));
    expect(await signIn('ursa_abc')).toMatch(/cannot be reached/);
  });
});
