import { describe, expect, it } from 'vitest';
import { DIFF_CHARS } from './limits';
import { compared, oneSided, rowsOf, sections } from './lineDiff';
import { parsePatch } from './patch';
import { seeded, textOf } from './testing/random';

describe('patches', () => {
  it("reads Codex's format", () => {
    const patch = parsePatch(
      [
        '*** Begin Patch',
        '*** Add File: notes.txt',
        '+one',
        '+two',
        '*** Update File: src/a.rs',
        '*** Move to: src/b.rs',
        '@@ fn main()',
        ' kept',
        '-old',
        '+new',
        '',
        '*** End of File',
        '*** Delete File: gone.txt',
        '*** End Patch',
      ].join('\n'),
    );
    expect(patch?.files.map(({ path, from, action }) => ({ path, from, action }))).toEqual([
      { path: 'notes.txt', from: undefined, action: 'added' },
      { path: 'src/b.rs', from: 'src/a.rs', action: 'moved' },
      { path: 'gone.txt', from: undefined, action: 'deleted' },
    ]);
    expect(patch?.files[0]?.hunks[0]?.lines).toEqual([
      { sign: '+', text: 'one' },
      { sign: '+', text: 'two' },
    ]);
    expect(patch?.files[1]?.hunks[0]).toEqual({
      place: 'fn main()',
      lines: [
        { sign: ' ', text: 'kept' },
        { sign: '-', text: 'old' },
        { sign: '+', text: 'new' },
        { sign: ' ', text: '' },
      ],
    });
    expect(patch?.strays).toEqual([]);
  });

  it('reads unified diffs, with numbers', () => {
    const patch = parsePatch(
      'diff --git a/x.c b/x.c\nindex 1..2 100644\n--- a/x.c\n+++ b/x.c\n@@ -10,2 +10,3 @@ int f()\n a\n-b\n+c\n+--- d\n--- /dev/null\n+++ b/new\n@@ -0,0 +1 @@\n+n\n',
    );
    expect(patch?.files.map(({ path, action }) => [path, action])).toEqual([
      ['x.c', 'changed'],
      ['new', 'added'],
    ]);
    const rows = rowsOf(patch?.files[0]?.hunks[0] ?? { place: '', lines: [] });
    expect(rows.map((row) => [row.sign, row.oldLine, row.newLine, row.text])).toEqual([
      [' ', 10, 10, 'a'],
      ['-', 11, undefined, 'b'],
      ['+', undefined, 11, 'c'],
      ['+', undefined, 12, '--- d'],
    ]);
  });

  it('keeps lines that are no part of a patch', () => {
    const patch = parsePatch(
      "apply_patch <<'EOF'\n*** Begin Patch\n*** Add File: a\n+x\nbroken line\n*** End Patch\nEOF",
    );
    expect(patch?.strays).toEqual(["apply_patch <<'EOF'", 'broken line', 'EOF']);
  });

  it.each(['', 'plain text', '*** Begin Patch', '--- a\n+++ b', '@@', '{"json": 1}'])(
    'finds no patch in %j',
    (text) => {
      expect(parsePatch(text)).toBeUndefined();
    },
  );

  it('never throws, and loses no line', () => {
    const random = seeded(11);
    const pieces = [
      '*** Begin Patch\n',
      '*** End Patch\n',
      '*** Add File: a\n',
      '*** Update File: b\n',
      '*** Move to: c\n',
      '@@ -1,2 +3,4 @@\n',
      '@@\n',
      '+x\n',
      '-y\n',
      ' z\n',
      '\n',
      '--- a\n',
      '+++ b\n',
      'stray\n',
      '\r\n',
      '@@ -99999999999999,0 +0 @@\n',
    ];
    for (let run = 0; run < 3000; run++) {
      const text = textOf(random, pieces, 1 + Math.floor(random() * 25));
      const patch = parsePatch(text);
      const strays = text.split('\n').filter((line) => line === 'stray').length;
      if (patch) expect(patch.strays.filter((line) => line === 'stray')).toHaveLength(strays);
      for (const file of patch?.files ?? []) for (const hunk of file.hunks) sections(hunk);
    }
  });
});

describe('comparing', () => {
  it('tells added and removed lines', () => {
    expect(compared('a\nb\nc\n', 'a\nx\nc\n')?.map((line) => line.sign + line.text)).toEqual([
      ' a',
      '-b',
      '+x',
      ' c',
    ]);
  });

  it('gives up on what is too long or too different', () => {
    const many = (word: string) => Array.from({ length: 5000 }, (_, at) => `${word}${at}`).join('\n');
    expect(compared('a'.repeat(DIFF_CHARS), 'b')).toBeUndefined();
    expect(compared(many('a'), many('b'))).toBeUndefined();
  });

  it('marks the words of changed lines', () => {
    const rows = rowsOf({ place: '', lines: compared('let a = 1;\n', 'let a = 2;\n') ?? [] });
    expect(rows.map((row) => row.words?.filter((word) => word.changed).map((word) => word.text))).toEqual([
      ['1'],
      ['2'],
    ]);
  });

  it('folds what did not change', () => {
    const lines = [
      ...oneSided('k\n'.repeat(20), ' '),
      ...oneSided('new', '+'),
      ...oneSided('k\n'.repeat(20), ' '),
    ];
    const found = sections({ place: '', lines });
    expect(found.map((part) => ('folded' in part ? `fold ${part.folded.length}` : part.rows.length))).toEqual(
      ['fold 17', 7, 'fold 17'],
    );
  });

  it('shows every line once, folded or not', () => {
    const random = seeded(3);
    for (let run = 0; run < 300; run++) {
      const lines = Array.from({ length: Math.floor(random() * 60) }, (_, at) => ({
        sign: random() < 0.8 ? (' ' as const) : random() < 0.5 ? ('+' as const) : ('-' as const),
        text: `${at}`,
      }));
      const all = sections({ place: '', lines }).flatMap((part) =>
        'folded' in part ? part.folded : part.rows,
      );
      expect(all.map((row) => row.text)).toEqual(lines.map((line) => line.text));
    }
  });
});
