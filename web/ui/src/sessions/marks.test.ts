import { describe, expect, it } from 'vitest';
import { splitMarks } from './marks';

const [B, E] = ['\u{E000}', '\u{E001}'];
const plain = (text: string) => ({ text, found: false });
const found = (text: string) => ({ text, found: true });

describe('splitMarks', () => {
  it('tells what was found from what stands around it', () => {
    expect(splitMarks(`the ${B}quick${E} brown ${B}fox${E}`)).toEqual([
      plain('the '),
      found('quick'),
      plain(' brown '),
      found('fox'),
    ]);
  });

  it('keeps text that looks like markup as text', () => {
    expect(splitMarks(`${B}<b>${E}&amp;`)).toEqual([found('<b>'), plain('&amp;')]);
  });

  it.each([
    ['no mark', 'plain', [plain('plain')]],
    ['nothing', '', []],
    ['an empty find', `a${B}${E}b`, [plain('a'), plain('b')]],
    ['a beginning alone', `a${B}b`, [plain('ab')]],
    ['an end alone', `a${E}b`, [plain('a'), plain('b')]],
    ['an end before a pair', `a${E}b${B}c${E}`, [plain('a'), plain('b'), found('c')]],
    ['two beginnings', `${B}a${B}b${E}c`, [plain('a'), found('b'), plain('c')]],
    ['two ends', `${B}a${E}b${E}c`, [found('a'), plain('b'), plain('c')]],
  ])('copes with %s', (_, text, pieces) => {
    expect(splitMarks(text)).toEqual(pieces);
  });

  it('loses no character but the marks', () => {
    const text = `${E}x${B}${B}y${E}${E}z${B}`;
    expect(
      splitMarks(text)
        .map((piece) => piece.text)
        .join(''),
    ).toBe('xyz');
  });
});
