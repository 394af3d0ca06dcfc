import { QueryClient, QueryClientProvider } from '@tanstack/react-query';
import { cleanup, fireEvent, render, screen } from '@testing-library/react';
import { afterEach, expect, it, test, vi } from 'vitest';
import type { OutlineItem } from '~/api/types';
import { item, tool } from '../testing/items';
import { lineOf, permissionSentence } from './aroundWords';
import { EventCard } from './EventCard';
import type { ClippedEvent } from './types';

afterEach(cleanup);

const around = (kind: OutlineItem['kind'], change: Partial<OutlineItem>): OutlineItem =>
  item(1, { kind, title: '', chars: 0, lines: 0, ...change });

test.each([
  [around('session_start', { title: 'startup' }), 'Session started', undefined],
  [around('session_start', { title: 'resume' }), 'Session resumed', undefined],
  [around('session_start', { title: 'teleport' }), 'Session started', 'teleport'],
  [around('session_end', { title: 'constructor' }), 'Session ended', 'constructor'],
  [around('subagent_start', { title: 'Explore' }), 'Subagent started', 'Explore'],
  [around('compaction', {}), 'Conversation summed up', undefined],
  [around('notice', { code: 'model_switch', title: 'm' }), 'Model changed to', undefined],
  [around('notice', { code: 'model_switch' }), 'Model changed', undefined],
  [around('notice', { code: 'interrupt' }), 'Interrupted by the user', undefined],
  [around('error', { code: 'rate_limit', title: 'wait' }), 'Rate limit:', undefined],
  [around('notice', { code: '' }), 'Notice', undefined],
])('each kind has words of its own (%#)', (one, what, word) => {
  expect(lineOf(one)).toEqual(word === undefined ? { what } : { what, word });
});

it('says of a permission no more than is known', () => {
  expect(permissionSentence('asked', 'completed')).toContain('no channel told the answer, but the call ran');
  expect(permissionSentence('asked', 'denied')).toContain('did not run');
  expect(permissionSentence('asked', 'requested')).toMatch(/told the answer\.$/);
  expect(permissionSentence('denied', 'denied')).toContain('denied');
});

const base = { id: 'evt_1', rev: 1, session_id: 'ses_1', seq: 1, at: '2026-01-01T00:00:00Z', turn: 1 };

function show(one: OutlineItem, event: ClippedEvent | undefined, permission?: OutlineItem) {
  const onToggle = vi.fn();
  render(
    <QueryClientProvider client={new QueryClient()}>
      <EventCard item={one} event={event} permission={permission} expanded onToggle={onToggle} />
    </QueryClientProvider>,
  );
  return onToggle;
}

it('a permission shows what was to run and why it was denied', () => {
  const event: ClippedEvent = {
    ...base,
    witnesses: [],
    kind: 'permission',
    decision: 'denied',
    tool: { name: 'Bash', type: 'builtin' },
    arguments: { command: 'rm -rf src' },
    reason: 'not outside of tmp',
  };
  const onToggle = show(item(1, { kind: 'permission', decision: 'denied', chars: 20 }), event);
  expect(screen.getByText('Permission denied')).toBeTruthy();
  expect(screen.getByText(/not outside of tmp/)).toBeTruthy();
  expect(screen.getByText(/rm -rf src/)).toBeTruthy();
  fireEvent.click(screen.getByRole('button', { expanded: true, name: /Permission denied/ }));
  expect(onToggle).toHaveBeenCalledOnce();
});

it('a permission that a role may not read says so', () => {
  const event: ClippedEvent = {
    ...base,
    witnesses: [],
    kind: 'permission',
    decision: 'asked',
    tool: { name: 'Bash', type: 'builtin' },
  };
  show(item(1, { kind: 'permission', decision: 'asked', title: '', chars: 20 }), event);
  expect(screen.getByText('Not shown to your role.')).toBeTruthy();
});

it('a long notice opens, a short one has nothing to open', () => {
  const message = 'long '.repeat(100);
  const event: ClippedEvent = { ...base, witnesses: [], kind: 'notice', code: 'task_created', message };
  show(around('notice', { code: 'task_created', title: 'long', chars: message.length, lines: 1 }), event);
  expect(screen.getByRole('button', { expanded: true })).toBeTruthy();
  expect(screen.getByText(message.trim())).toBeTruthy();
  cleanup();
  show(around('notice', { code: 'task_created', title: 'short', chars: 5, lines: 1 }), undefined);
  expect(screen.queryByRole('button')).toBeNull();
});

it('a tool call tells the permission that it needed', () => {
  const permission = item(2, { kind: 'permission', decision: 'denied', call_id: 'c' });
  show(tool(1, { call_id: 'c', status: 'denied' }), undefined, permission);
  expect(screen.getByText('permission denied')).toBeTruthy();
  expect(screen.queryByText('denied')).toBeNull();
  expect(screen.getByText(/it was denied\. At/)).toBeTruthy();
});
