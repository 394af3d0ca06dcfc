import { beforeEach, expect, test, vi } from 'vitest';
import { askEarly, fetchFirst, firstRequests } from './early';

const url = (path: string) => new URL(path, location.origin).href;
const answers: Response[] = [];
const fetched = vi.fn(async (asked: RequestInfo | URL) => {
  const answer = answers.shift();
  if (answer === undefined) throw new TypeError(`no answer for ${String(asked)}`);
  return answer;
});

beforeEach(() => {
  answers.length = 0;
  fetched.mockClear();
  vi.stubGlobal('fetch', fetched);
});

test('each page says what it needs first', () => {
  const of = (pathname: string, search = '') => firstRequests({ pathname, search });
  expect(of('/')).toEqual(['/api/v1/me', '/api/v1/sessions?limit=50']);
  expect(of('/', '?q=words')).toEqual(['/api/v1/me']);
  expect(of('/sessions/ses_1', '?event=evt_1')).toEqual([
    '/api/v1/me',
    '/api/v1/sessions/ses_1',
    '/api/v1/sessions/ses_1/outline?limit=200',
  ]);
  expect(of('/sessions/..%2Fme')).toEqual(['/api/v1/me']);
  expect(of('/connect')).toEqual(['/api/v1/me']);
});

test('an early answer is used once', async () => {
  answers.push(new Response('early'), new Response('later'));
  askEarly(['/api/v1/once']);
  expect(fetched).toHaveBeenCalledTimes(1);
  expect(await (await fetchFirst(new Request(url('/api/v1/once')))).text()).toBe('early');
  expect(fetched).toHaveBeenCalledTimes(1);
  expect(await (await fetchFirst(new Request(url('/api/v1/once')))).text()).toBe('later');
});

test('an early refusal or failure is asked for again', async () => {
  answers.push(new Response('no', { status: 401 }), new Response('signed in'));
  askEarly(['/api/v1/refused']);
  expect(await (await fetchFirst(new Request(url('/api/v1/refused')))).text()).toBe('signed in');

  askEarly(['/api/v1/failed']);
  await vi.waitFor(() => expect(fetched).toHaveBeenCalledTimes(3));
  answers.push(new Response('up again'));
  expect(await (await fetchFirst(new Request(url('/api/v1/failed')))).text()).toBe('up again');
});

test('what changes something is never taken from early answers', async () => {
  answers.push(new Response('read'), new Response('written'));
  askEarly(['/api/v1/both']);
  const request = new Request(url('/api/v1/both'), { method: 'DELETE' });
  expect(await (await fetchFirst(request)).text()).toBe('written');
});
