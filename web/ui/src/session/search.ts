/** What is shown of a session, as it stands in the page's address. */
export interface SessionSearch {
  /** The event that the page is scrolled to. */
  event?: string;
  /** Words looked for in the session. */
  find?: string;
  /** Kinds that are not shown, with commas between. */
  hide?: string;
  /** Only what failed. */
  errors?: true;
  /** Only one lane: `main`, or the id of a subagent. */
  lane?: string;
}

/** Long enough for any id and any words that a person types; an address is anyone's to write. */
const VALUE_CHARS_MAX = 512;

/** Numbers and booleans too: the router reads `lane=123` as a number. */
function text(raw: unknown): string | undefined {
  if (typeof raw !== 'string' && typeof raw !== 'number') return undefined;
  const value = String(raw);
  return value === '' ? undefined : value.slice(0, VALUE_CHARS_MAX);
}

export function sessionSearch(raw: Record<string, unknown>): SessionSearch {
  const search: SessionSearch = {};
  for (const key of ['event', 'find', 'hide', 'lane'] as const) {
    const value = text(raw[key]);
    if (value !== undefined) search[key] = value;
  }
  if (raw.errors === true) search.errors = true;
  return search;
}
