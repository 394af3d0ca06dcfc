import { expect, it } from 'vitest';
import { gapWords } from './gapWords';

it('says in plain words what a gap of a hook is', () => {
  expect(gapWords({ channel: 'hook', kind: 'hook_cut', detail: 'x' }).head).toBe('Long texts are cut');
  const unknown = gapWords({ channel: 'hook', kind: 'unknown_event', detail: 'hook event Dance' });
  expect(unknown.detail).toContain('cannot read the hook event Dance');
});

it('leaves others as the server tells them', () => {
  const gap = { channel: 'edge', kind: 'unknown_event', detail: '1 (dance)' } as const;
  expect(gapWords(gap)).toEqual({ head: 'unknown event', detail: '1 (dance)' });
  expect(gapWords({ ...gap, channel: 'hook', kind: 'constructor' }).head).toBe('constructor');
});
