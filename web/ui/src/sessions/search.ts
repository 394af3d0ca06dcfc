/** The filters of the session list, as they stand in the page's address. */
export interface SessionsSearch {
  q?: string;
}

export function sessionsSearch(raw: Record<string, unknown>): SessionsSearch {
  return typeof raw.q === 'string' && raw.q !== '' ? { q: raw.q } : {};
}
