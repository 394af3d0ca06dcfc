import type { ToolCallBody } from '~/api/types';
import { isObject, jsonText, parsedJson, stringAt } from '~/content/json';

/** The arguments of a call as a value: some providers give them as JSON text. */
export function argumentsOf(value: unknown): unknown {
  return typeof value === 'string' ? (parsedJson(value) ?? value) : value;
}

/** What really ran: the arguments that a hook or the person put in place, else the model's. */
export function ranWith(call: ToolCallBody): { args: unknown; changed: boolean } {
  const asked = argumentsOf(call.arguments);
  const ran = argumentsOf(call.executed_arguments);
  if (ran === undefined || ran === null || jsonText(ran) === jsonText(asked))
    return { args: asked, changed: false };
  return { args: ran, changed: true };
}

/** The command line of a call, as one would type it. */
export function commandOf(args: unknown, call: ToolCallBody): string | undefined {
  const action = isObject(args) && isObject(args.action) ? args.action : args;
  if (isObject(action)) {
    const told = action.command ?? action.cmd ?? action.script ?? action.chars;
    if (typeof told === 'string') return told;
    if (Array.isArray(told)) return joined(told.map(String));
  }
  return call.tool.cli ? joined(call.tool.cli.argv) : undefined;
}

/** `["bash", "-lc", "ls"]` is `ls`; else the words with quotes where a shell needs them. */
function joined(words: string[]): string {
  const script = words[2];
  if (
    words.length === 3 &&
    script !== undefined &&
    /sh$/.test(words[0] ?? '') &&
    /^-l?c$/.test(words[1] ?? '')
  )
    return script;
  if (words.length === 1) return words[0] ?? '';
  return words
    .map((word) => (/^[\w@%+=:,./-]+$/.test(word) ? word : `'${word.replaceAll("'", "'\\''")}'`))
    .join(' ');
}

/** The folder that a command runs in. */
export function folderOf(args: unknown): string | undefined {
  const action = isObject(args) && isObject(args.action) ? args.action : args;
  return stringAt(action, 'workdir', 'cwd', 'working_directory', 'dir_path', 'directory');
}

/** The file that a call is about. */
export const pathOf = (args: unknown): string | undefined =>
  stringAt(
    args,
    'file_path',
    'filePath',
    'path',
    'absolute_path',
    'filename',
    'notebook_path',
    'dir_path',
    'target_file',
  );

/** The arguments but those named, for what a body does not show otherwise; nothing when there are none. */
export function others(args: unknown, shown: string[]): Record<string, unknown> | undefined {
  if (!isObject(args)) return undefined;
  const left = Object.entries(args).filter(([name]) => !shown.includes(name));
  return left.length === 0 ? undefined : Object.fromEntries(left);
}
