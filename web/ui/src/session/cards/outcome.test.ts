import { describe, expect, it } from 'vitest';
import { seeded, textOf } from '~/content/testing/random';
import { commandOf, folderOf, ranWith } from './callArguments';
import { commandOutcome, isAllText, resultText } from './outcome';

const codex = (code: number, output: string) =>
  `Chunk ID: 53ed1d\nWall time: 0.0000 seconds\nProcess exited with code ${code}\nOriginal token count: 61\nOutput:\n${output}`;

describe('how a command ended, by agent', () => {
  it.each<[string, unknown, number | undefined, string]>([
    ['Codex', codex(0, 'total 20\n'), 0, 'total 20\n'],
    ['Codex, failed', codex(1, 'cat: no such file\n'), 1, 'cat: no such file\n'],
    ['Codex, by a signal', codex(-1, ''), -1, ''],
    ['Codex, patch', 'Exit code: 0\nWall time: 0 seconds\nOutput:\nSuccess.', 0, 'Success.'],
    [
      'Codex, still running',
      'Chunk ID: 1\nWall time: 10 seconds\nProcess running with session ID 7\nOutput:\npart',
      undefined,
      'part',
    ],
    ['Codex, older', '{"output":"hi\\n","metadata":{"exit_code":2,"duration_seconds":0.1}}', 2, 'hi\n'],
    [
      'Codex, script mode',
      [
        { type: 'input_text', text: 'Script completed\nWall time 1.1 seconds\nOutput:\n' },
        {
          type: 'input_text',
          text: '{"chunk_id":"9","wall_time_seconds":0.1,"exit_code":3,"output":"x\\n"}',
        },
      ],
      3,
      'x\n',
    ],
    ['Claude Code, failed', 'Exit code 1\ncat: no such file', 1, 'cat: no such file'],
    ['Claude Code, failed without output', 'Exit code 137', 137, ''],
    ['Claude Code, blocks', [{ type: 'text', text: 'Exit code 2\nno' }], 2, 'no'],
    ['Claude Code, well', 'total 20', undefined, 'total 20'],
    ['Copilot CLI', 'out\n<shellId: 0 completed with exit code 0>', 0, 'out'],
    ['Copilot CLI, failed', 'cat: no\n<shellId: 1 completed with exit code 1>', 1, 'cat: no'],
    ['Copilot CLI, silent', '<exited with exit code 4>', 4, ''],
    [
      'Gemini CLI',
      'Command: false\nOutput: (empty)\nExit Code: 1\n',
      1,
      'Command: false\nOutput: (empty)\nExit Code: 1\n',
    ],
    ['a structured result', { stdout: 'a', stderr: 'b', exitCode: 5 }, 5, 'a\nb'],
    ['opencode', 'total 20\n', undefined, 'total 20\n'],
    [
      'output that speaks of codes',
      'I ran it.\nExit code 1\nProcess exited with code 1',
      undefined,
      'I ran it.\nExit code 1\nProcess exited with code 1',
    ],
    [
      "Codex' output that speaks of codes",
      codex(0, 'Process exited with code 9'),
      0,
      'Process exited with code 9',
    ],
    ['JSON output without a code', '{"output":"x"}', undefined, '{"output":"x"}'],
    ['nothing', null, undefined, ''],
  ])('%s', (_, result, exitCode, output) => {
    const outcome = commandOutcome(result);
    expect(outcome.exitCode).toBe(exitCode);
    expect(outcome.output).toBe(output);
  });

  it('never throws', () => {
    const random = seeded(5);
    const pieces = [
      'Exit code',
      ': ',
      '1',
      '\n',
      'Output:\n',
      '<',
      'exit code 1>',
      '{"output":',
      '"x"',
      '}',
      'Script failed\nWall time 1\nOutput:\n',
      'Process exited with code ',
    ];
    for (let run = 0; run < 3000; run++)
      commandOutcome(textOf(random, pieces, 1 + Math.floor(random() * 20)));
  });
});

describe('results', () => {
  it('joins text blocks, and knows when there is more than text', () => {
    const blocks = [
      { type: 'text', text: 'a' },
      { type: 'text', text: 'b' },
    ];
    expect(resultText(blocks)).toBe('a\nb');
    expect(isAllText(blocks)).toBe(true);
    expect(isAllText([...blocks, { type: 'image' }])).toBe(false);
    expect(resultText([{ type: 'namespace' }])).toBeUndefined();
    expect(resultText({ content: blocks })).toBe('a\nb');
  });
});

describe('command lines', () => {
  const call = (args: unknown, argv?: string[]) => ({
    tool: { name: 'x', type: 'builtin' as const, ...(argv ? { cli: { program: argv[0] ?? '', argv } } : {}) },
    call_id: 'c',
    status: 'completed' as const,
    arguments: args,
  });

  it.each<[unknown, string | undefined]>([
    [{ command: 'ls -la' }, 'ls -la'],
    [{ cmd: 'ls' }, 'ls'],
    [{ command: ['bash', '-lc', 'ls | wc'] }, 'ls | wc'],
    [{ command: ['git', 'commit', '-m', "it's"] }, "git commit -m 'it'\\''s'"],
    [{ action: { type: 'exec', command: ['ls'], working_directory: '/x' } }, 'ls'],
    [{}, undefined],
    ['text', undefined],
  ])('%j', (args, expected) => {
    expect(commandOf(args, call(args))).toBe(expected);
  });

  it('falls back to the words that were split off', () => {
    expect(commandOf({}, call({}, ['cat', 'a b']))).toBe("cat 'a b'");
    expect(folderOf({ action: { working_directory: '/x' } })).toBe('/x');
  });

  it('tells what really ran', () => {
    expect(ranWith({ ...call({ command: 'a' }), executed_arguments: { command: 'b' } })).toEqual({
      args: { command: 'b' },
      changed: true,
    });
    expect(ranWith({ ...call('{"command":"a"}'), executed_arguments: { command: 'a' } }).changed).toBe(false);
    expect(ranWith({ ...call({ command: 'a' }), executed_arguments: null }).changed).toBe(false);
  });
});
