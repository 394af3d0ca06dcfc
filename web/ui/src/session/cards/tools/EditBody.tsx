import { EditDiff, PatchDiff } from '~/content/Diff';
import { isObject, jsonText, stringAt } from '~/content/json';
import { parsePatch } from '~/content/patch';
import { filesWord } from '../../model/patchTitle';
import { pathOf } from '../callArguments';
import type { ToolCallEvent } from '../types';
import { CommandOutput } from './CommandBody';
import { GenericBody } from './GenericBody';
import { OtherParameters } from './OtherParameters';
import { Result } from './Result';
import type { ToolBodyProps } from './types';

const OLD = ['old_string', 'oldString', 'old_str', 'old_text'];
const NEW = ['new_string', 'newString', 'new_str', 'new_text', 'new_source'];
const WHOLE = ['content', 'file_text', 'contents'];
const SHOWN = [
  ...OLD,
  ...NEW,
  ...WHOLE,
  'edits',
  'file_path',
  'filePath',
  'path',
  'notebook_path',
  'target_file',
];

interface Edit {
  before: string;
  after: string;
  written: boolean;
}

/** Edits of a file that an agent's tool asks for: one, many, or the whole file. */
function editsOf(args: unknown): Edit[] {
  if (!isObject(args)) return [];
  const list = Array.isArray(args.edits) ? args.edits : [args];
  return list.flatMap((edit): Edit[] => {
    const before = stringAt(edit, ...OLD);
    const after = stringAt(edit, ...NEW);
    if (before !== undefined || after !== undefined)
      return [{ before: before ?? '', after: after ?? '', written: false }];
    const whole = stringAt(edit, ...WHOLE);
    return whole === undefined ? [] : [{ before: '', after: whole, written: true }];
  });
}

/** Edits of files as diffs. */
export function EditBody(props: ToolBodyProps) {
  const { args, find } = props;
  const edits = editsOf(args);
  if (edits.length === 0) return <GenericBody {...props} />;
  return (
    <>
      {edits.map((edit, at) => (
        // biome-ignore lint/suspicious/noArrayIndexKey: edits have no other name.
        <EditDiff key={at} path={pathOf(args) ?? 'a file'} {...edit} find={find} />
      ))}
      <OtherParameters args={args} shown={SHOWN} find={find} />
      <Result {...props} />
    </>
  );
}

/** The patch in a call's arguments, wherever an agent puts it. */
export function patchOf(args: unknown): string | undefined {
  if (typeof args === 'string') return args;
  const told = stringAt(args, 'input', 'patch', 'patchText', 'diff');
  if (told !== undefined) return told;
  const words = isObject(args) ? args.command : undefined;
  return Array.isArray(words)
    ? words.map(String).find((word) => word.includes('*** Begin Patch'))
    : undefined;
}

/** The files that a patch touches. */
export function patchTitle(event: ToolCallEvent, args: unknown): string | undefined {
  const text = patchOf(args);
  const patch = text === undefined ? undefined : parsePatch(text);
  const cut = event.clipped?.some(({ pointer }) => /^\/(executed_)?arguments/.test(pointer)) ?? false;
  return (
    patch &&
    filesWord(
      patch.files.map(({ path }) => path),
      !cut,
    )
  );
}

/** A patch in Codex's format or as a unified diff. */
export function PatchBody(props: ToolBodyProps) {
  const text = patchOf(props.args);
  const patch = text === undefined ? undefined : parsePatch(text);
  if (!patch)
    return isObject(props.args) && editsOf(props.args).length > 0 ? (
      <EditBody {...props} />
    ) : (
      <GenericBody {...props} />
    );
  return (
    <>
      <PatchDiff patch={patch} find={props.find} />
      <CommandOutput {...props} />
    </>
  );
}

/** Whether a command line is a patch in disguise: `apply_patch <<'EOF'`. */
export const isPatchCommand = (args: unknown): boolean =>
  jsonText(args).slice(0, 2000).includes('*** Begin Patch');
