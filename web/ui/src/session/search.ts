/** What is shown of a session, as it stands in the page's address. */
export interface SessionSearch {
  /** The event that the page is scrolled to. */
  event?: string;
}

export function sessionSearch(raw: Record<string, unknown>): SessionSearch {
  return typeof raw.event === 'string' && raw.event !== '' ? { event: raw.event } : {};
}
