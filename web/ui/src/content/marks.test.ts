import { expect, it } from 'vitest';
import { finder, parts } from './marks';

const marked = (text: string, find: string) =>
  parts(text, finder(find)).flatMap((part) => (part.marked ? [part.text] : []));

it('words are marked wherever they stand, whatever their case', () => {
  expect(marked('Discounts are no discount', 'discount "are no"')).toEqual([
    'Discount',
    'are',
    'no',
    'discount',
  ]);
});

it('a star after a beginning is no part of what is marked', () => {
  expect(marked('notes.txt noted', 'not*')).toEqual(['not', 'not']);
  expect(marked('a * b', '*')).toEqual(['*']);
});
