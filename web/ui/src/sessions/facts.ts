import type { SessionDevice, SessionUser } from '~/api/schema';
import type { Session } from '~/api/types';
import { count, duration, fullTime } from '~/app/time';
import { plainly } from '~/content/chars';
import { gapWords } from './gapWords';

/** The end of a folder's path, by which people know it: the last two parts. */
export function folderTail(path: string): string {
  const parts = path.split(/[/\\]/).filter((part) => part !== '');
  return parts.length <= 2 ? path : `…/${parts.slice(-2).join('/')}`;
}

/** A model's name without the day of its release: `claude-haiku-4-5` for `claude-haiku-4-5-20251001`. */
export const withoutDate = (model: string): string => model.replace(/-(\d{8}|\d{4}-\d{2}-\d{2})$/, '');

/** Hooks see no model calls: where the edge saw nothing, there are none, and no tokens. */
export const byHooksOnly = (session: Pick<Session, 'channels'>): boolean =>
  session.channels.includes('hook') && !session.channels.includes('edge');

/** Who ran it, as people know them. */
export const userName = (user: Pick<SessionUser, 'id' | 'email' | 'name'>): string =>
  user.email ?? user.name ?? user.id;

export const deviceName = (device: Pick<SessionDevice, 'id' | 'hostname'>): string =>
  device.hostname ?? device.id;

/** Times in full, for a tooltip. */
export function timeLines(session: Session): string[] {
  return [
    `Last activity: ${fullTime(session.last_event_at)}`,
    `Started: ${fullTime(session.started_at)}`,
    `Took: ${tookTime(session)}`,
  ];
}

/** From the first event to the last. */
export function tookTime(session: Session): string {
  return duration(
    Math.max(0, new Date(session.last_event_at).getTime() - new Date(session.started_at).getTime()),
  );
}

/** `1 prompt`, `2 prompts`. */
export const counted = (n: number, one: string, many = `${one}s`): string =>
  `${count(n)} ${n === 1 ? one : many}`;

/** What is missing, for a tooltip; each line once. */
export function gapLines(session: Session): string[] {
  const lines = session.completeness.gaps.map((gap) => plainly(`${gap.channel}: ${gapWords(gap).detail}`));
  const unique = [...new Set(lines)];
  const shown = unique.slice(0, GAPS_SHOWN);
  const left = unique.length - shown.length;
  return ['Not complete:', ...shown, ...(left > 0 ? [`and ${left} more`] : [])];
}

/** Gaps that a tooltip tells. */
const GAPS_SHOWN = 8;
