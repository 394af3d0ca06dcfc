import type { OutlineItem, Session } from '~/api/types';

/**
 * The lines of a session that may have ended since they came: a call that was seen to start does not run any more then,
 * and how it went is not known. The API tells the same to who asks after the end.
 */
export function settled(status: Session['status'], items: OutlineItem[]): OutlineItem[] {
  if (status !== 'ended' || !items.some((item) => item.status === 'running')) return items;
  return items.map((item) => (item.status === 'running' ? { ...item, status: 'unknown' } : item));
}
