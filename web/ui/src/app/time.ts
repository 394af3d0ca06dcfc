/** Times as the reader's own zone and language write them. The API gives RFC 3339 in UTC, to the microsecond. */

const clock = new Intl.DateTimeFormat(undefined, { hour: '2-digit', minute: '2-digit', second: '2-digit' });
const day = new Intl.DateTimeFormat(undefined, { year: 'numeric', month: 'short', day: 'numeric' });
const whole = new Intl.DateTimeFormat(undefined, {
  year: 'numeric',
  month: 'short',
  day: 'numeric',
  hour: '2-digit',
  minute: '2-digit',
  second: '2-digit',
  fractionalSecondDigits: 3,
  timeZoneName: 'short',
});
const ago = new Intl.RelativeTimeFormat(undefined, { numeric: 'auto', style: 'short' });

/** `14:03:22`. */
export const clockTime = (at: string): string => clock.format(new Date(at));

/** `23 Nov 2026`. */
export const dayName = (at: string): string => day.format(new Date(at));

/** The moment with date, milliseconds and the zone's name: for tooltips. */
export const fullTime = (at: string): string => whole.format(new Date(at));

/** `5 min. ago`; after a week the date. `now` in milliseconds. */
export function relativeTime(at: string, now: number): string {
  const seconds = Math.round((new Date(at).getTime() - now) / 1000);
  const past = Math.abs(seconds);
  if (past < 60) return ago.format(seconds, 'second');
  if (past < 3600) return ago.format(Math.round(seconds / 60), 'minute');
  if (past < 86_400) return ago.format(Math.round(seconds / 3600), 'hour');
  if (past < 7 * 86_400) return ago.format(Math.round(seconds / 86_400), 'day');
  return dayName(at);
}

/** `340 ms`, `2.4 s`, `3 min 12 s`, `2 h 5 min`. */
export function duration(ms: number): string {
  if (ms < 1000) return `${Math.round(ms)} ms`;
  if (ms < 60_000) return `${(ms / 1000).toFixed(1)} s`;
  const minutes = Math.floor(ms / 60_000);
  if (minutes < 60) return `${minutes} min ${Math.floor((ms % 60_000) / 1000)} s`;
  return `${Math.floor(minutes / 60)} h ${minutes % 60} min`;
}

const counts = new Intl.NumberFormat(undefined);
const short = new Intl.NumberFormat(undefined, { notation: 'compact', maximumFractionDigits: 1 });

/** `12,345`. */
export const count = (n: number): string => counts.format(n);

/** `12.3K`: for tokens. */
export const compact = (n: number): string => short.format(n);
