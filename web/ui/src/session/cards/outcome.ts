import { isObject, parsedJson, stringAt } from '~/content/json';

/** What a command's result tells: how it ended, and its output without what the agent wrote around it. */
export interface Outcome {
  exitCode?: number;
  /** What the agent wrote around the output, one line each. */
  around: string[];
  output: string;
}

/** The readable text of a tool's result: a string, or the text blocks of an array, one after the other. */
export function resultText(result: unknown): string | undefined {
  if (typeof result === 'string') return result;
  if (Array.isArray(result)) {
    const texts = result.map((block) => (isObject(block) ? stringAt(block, 'text') : undefined));
    return texts.some((text) => text !== undefined)
      ? texts.filter((text) => text !== undefined).join('\n')
      : undefined;
  }
  if (isObject(result)) {
    if (Array.isArray(result.content)) return resultText(result.content);
    return stringAt(result, 'output', 'text', 'content');
  }
  return undefined;
}

const TEXT = /^(text|input_text|output_text)$/;
const TEXT_OR_IMAGE = /^(text|input_text|output_text|image|input_image|image_url)$/;

/** Whether every part of a result is text, so that showing its text leaves nothing out. */
export const isAllText = (result: unknown): boolean => isAll(result, TEXT);

/** Whether showing a result's text and images leaves nothing out. */
export const isAllTextOrImages = (result: unknown): boolean => isAll(result, TEXT_OR_IMAGE);

function isAll(result: unknown, types: RegExp): boolean {
  if (typeof result === 'string') return true;
  return (
    Array.isArray(result) &&
    result.length > 0 &&
    result.every((block) => isObject(block) && types.test(stringAt(block, 'type') ?? ''))
  );
}

/**
 * Reads the result of a command, in the words of each agent. Only the head or the tail that the agent itself writes
 * counts: a command's own output may say anything.
 */
export function commandOutcome(result: unknown): Outcome {
  const text = resultText(result) ?? '';
  return (
    structured(result) ??
    structuredText(text) ??
    codexHead(text) ??
    claudeHead(text) ??
    shellTail(text) ??
    geminiLines(text) ?? { around: [], output: text }
  );
}

/** An object with an exit code and an output: Codex's script mode and older versions, and others' structured results. */
function structured(result: unknown): Outcome | undefined {
  if (!isObject(result)) return undefined;
  const meta = isObject(result.metadata) ? result.metadata : result;
  const code = meta.exit_code ?? meta.exitCode ?? meta.exit;
  const streams = [stringAt(result, 'output', 'stdout', 'aggregated_output'), stringAt(result, 'stderr')];
  const output = streams.filter((stream) => stream !== undefined && stream !== '');
  if (typeof code !== 'number' || streams.every((stream) => stream === undefined)) return undefined;
  const seconds = meta.duration_seconds ?? meta.wall_time_seconds;
  return {
    exitCode: code,
    around: typeof seconds === 'number' ? [`Wall time: ${seconds} seconds`] : [],
    output: output.join('\n'),
  };
}

function structuredText(text: string): Outcome | undefined {
  const script = /^(Script (?:completed|failed)\nWall time [^\n]*\nOutput:\n)\n?/.exec(text);
  const found = structured(parsedJson(script ? text.slice(script[0].length) : text));
  if (!found) return undefined;
  return script ? { ...found, around: [...lines(script[1] ?? ''), ...found.around] } : found;
}

/** `Chunk ID: … Process exited with code 0 … Output:` before the output. */
function codexHead(text: string): Outcome | undefined {
  const end = text.indexOf('Output:\n');
  const head = end === -1 ? text : text.slice(0, end);
  if (end > HEAD_CHARS) return undefined;
  const exit = /^(?:Process exited with code|Exit code:) (-?\d+)$/m.exec(head);
  const running = /^Process running with session ID /m.test(head);
  if (!/^(Chunk ID|Wall time|Exit code|Process|Script)/.test(head) || (!exit && !running)) return undefined;
  const output = end === -1 ? '' : text.slice(end + 'Output:\n'.length);
  return { ...(exit ? { exitCode: Number(exit[1]) } : {}), around: lines(head), output };
}

/** What an agent writes before an output is short. */
const HEAD_CHARS = 1000;

/** `Exit code 1`, and the output after it. */
function claudeHead(text: string): Outcome | undefined {
  const head = /^(?:Error: )?Exit code (-?\d+)(?:\n|$)/.exec(text);
  return head ? { exitCode: Number(head[1]), around: [], output: text.slice(head[0].length) } : undefined;
}

/** The last line is the shell's: `<shellId: 1 completed with exit code 1>`, or `<exited with exit code 1>`. */
function shellTail(text: string): Outcome | undefined {
  const tail = /(?:^|\n)(<[^\n<>]{0,200}exit code (-?\d+)[^\n<>]{0,50}>)\s*$/.exec(text.slice(-HEAD_CHARS));
  if (!tail) return undefined;
  const at = text.length - Math.min(text.length, HEAD_CHARS) + tail.index;
  return { exitCode: Number(tail[2]), around: [tail[1] ?? ''], output: text.slice(0, at) };
}

/** `Command: …`, `Output: …`, `Exit Code: 1` on lines of their own. */
function geminiLines(text: string): Outcome | undefined {
  if (!/^(Command|Output|Directory|Stdout): /m.test(text.slice(0, HEAD_CHARS))) return undefined;
  const exit = /^Exit Code: (-?\d+)$/m.exec(text);
  return exit ? { exitCode: Number(exit[1]), around: [], output: text } : undefined;
}

const lines = (text: string): string[] =>
  text.split('\n').filter((line) => line !== '' && line !== 'Output:');
