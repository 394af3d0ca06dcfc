/**
 * Answers that were asked for before the program was there. The first script of a page is a few lines; what asks for data
 * and shows it is some hundred kilobytes, and the server can work while those are read. See docs/DESK.md.
 */

const SESSION = /^\/sessions\/([\w-]+)$/;

/** Events of a session that are asked for before all others: some screens of them. */
export const HEAD_EVENTS = 200;

/** Sessions a page of the list. */
export const PAGE_ITEMS = 50;

const asked = new Map<string, Promise<Response>>();

/** What of the API the page at `address` asks for first. */
export function firstRequests(address: Pick<Location, 'pathname' | 'search'>): string[] {
  const me = '/api/v1/me';
  const session = SESSION.exec(address.pathname)?.[1];
  if (session !== undefined) {
    const path = `/api/v1/sessions/${session}`;
    return [me, path, `${path}/outline?limit=${HEAD_EVENTS}`];
  }
  const unfiltered = address.pathname === '/' && address.search === '';
  return unfiltered ? [me, `/api/v1/sessions?limit=${PAGE_ITEMS}`] : [me];
}

/** Asks for these at once; each answer is handed out one time by [`fetchFirst`]. */
export function askEarly(paths: readonly string[]): void {
  for (const path of paths) {
    const url = new URL(path, location.origin).href;
    const answer = fetch(url, { credentials: 'same-origin' });
    // Who takes it hears of the failure; nobody else needs to.
    answer.catch(() => undefined);
    asked.set(url, answer);
  }
}

/** `fetch`, but what was asked for early is not asked for again. */
export async function fetchFirst(request: Request): Promise<Response> {
  const early = request.method === 'GET' ? asked.get(request.url) : undefined;
  if (early === undefined) return fetch(request);
  asked.delete(request.url);
  const answer = await early.catch(() => undefined);
  // Another try may go better: signed in by now, or the server up again.
  return answer?.ok ? answer : fetch(request);
}
