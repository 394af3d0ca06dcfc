import { expect, test } from 'vitest';
import { item, tool } from '../testing/items';
import { settled } from './settled';

test('what was running when its session ended has an outcome that is not known', () => {
  const items = [item(1), tool(2, { status: 'running' }), tool(3, { status: 'requested' }), tool(4)];
  expect(settled('active', items)).toBe(items);
  expect(settled('ended', items).map(({ status }) => status)).toEqual([
    items[0]?.status,
    'unknown',
    'requested',
    items[3]?.status,
  ]);
});
