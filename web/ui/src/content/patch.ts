/** What became of a file. */
export type FileAction = 'added' | 'deleted' | 'changed' | 'moved';

/** One line of a patch: kept, taken out or put in. */
export interface PatchLine {
  sign: ' ' | '-' | '+';
  text: string;
}

export interface Hunk {
  /** First lines on both sides, from 1, where the patch tells them. */
  oldStart?: number;
  newStart?: number;
  /** What the patch says of where the hunk is: a function's name, say. */
  place: string;
  lines: PatchLine[];
}

export interface FilePatch {
  path: string;
  /** The path before, if it changed. */
  from?: string;
  action: FileAction;
  hunks: Hunk[];
}

export interface Patch {
  files: FilePatch[];
  /** Lines that are no part of a patch, in order. */
  strays: string[];
}

const BEGIN = '*** Begin Patch';
const UNIFIED = /^@@ -(\d+)(?:,\d+)? \+(\d+)(?:,\d+)? @@ ?(.*)$/;

/** Reads a patch in Codex's format or as a unified diff; `undefined` when a text has neither. Never throws. */
export function parsePatch(text: string): Patch | undefined {
  const isCodex = text.includes(BEGIN);
  const patch = isCodex ? codexPatch(text) : unifiedPatch(text);
  const tells = (file: FilePatch) => file.hunks.length > 0 || (isCodex && file.action !== 'changed');
  return patch.files.some(tells) ? patch : undefined;
}

function codexPatch(text: string): Patch {
  const patch: Patch = { files: [], strays: [] };
  let file: FilePatch | undefined;
  let inside = false;
  for (const line of lines(text)) {
    const head = /^\*\*\* (Add|Delete|Update) File: (.*)$/.exec(line);
    const move = /^\*\*\* Move to: (.*)$/.exec(line);
    if (line.trim() === BEGIN) inside = true;
    else if (line.trim() === '*** End Patch') inside = false;
    else if (!inside) stray(patch, line);
    else if (head) {
      file = { path: head[2] ?? '', action: ACTIONS[head[1] ?? ''] ?? 'changed', hunks: [] };
      patch.files.push(file);
    } else if (move && file) {
      file.from = file.path;
      file.path = move[1] ?? '';
      file.action = 'moved';
    } else if (line === '*** End of File') {
      // A mark of where the hunk stands, no line of the file.
    } else if (!file) stray(patch, line);
    else if (line.startsWith('@@')) file.hunks.push({ place: line.slice(2).trim(), lines: [] });
    else bodyLine(patch, file, line);
  }
  return patch;
}

const ACTIONS: Record<string, FileAction> = { Add: 'added', Delete: 'deleted', Update: 'changed' };

function bodyLine(patch: Patch, file: FilePatch, line: string): void {
  const sign = line[0];
  // A kept line that is empty may have lost its leading blank.
  if (sign !== '+' && sign !== '-' && sign !== ' ' && line !== '') {
    stray(patch, line);
    return;
  }
  let hunk = file.hunks.at(-1);
  if (!hunk) {
    hunk = file.action === 'added' ? { place: '', newStart: 1, lines: [] } : { place: '', lines: [] };
    file.hunks.push(hunk);
  }
  hunk.lines.push({ sign: sign === '+' || sign === '-' ? sign : ' ', text: line.slice(1) });
}

function unifiedPatch(text: string): Patch {
  const patch: Patch = { files: [], strays: [] };
  let file: FilePatch | undefined;
  let left = { old: 0, new: 0 };
  let before = '';
  for (const line of lines(text)) {
    const hunk = file?.hunks.at(-1);
    const at = UNIFIED.exec(line);
    if (hunk && (left.old > 0 || left.new > 0) && /^[-+ ]|^$/.test(line)) {
      const sign = line[0] === '+' || line[0] === '-' ? line[0] : ' ';
      if (sign !== '+') left.old -= 1;
      if (sign !== '-') left.new -= 1;
      hunk.lines.push({ sign, text: line.slice(1) });
    } else if (at) {
      file ??= started(patch, '');
      left = sizes(line);
      file.hunks.push({ oldStart: Number(at[1]), newStart: Number(at[2]), place: at[3] ?? '', lines: [] });
    } else if (line.startsWith('--- ')) {
      before = fileName(line.slice(4));
    } else if (line.startsWith('+++ ')) {
      file = started(patch, fileName(line.slice(4)), before);
    } else if (
      !/^(diff |index |new file|deleted file|similarity|rename |old mode|new mode|\\ No newline|={20})/.test(
        line,
      )
    ) {
      stray(patch, line);
    }
  }
  return patch;
}

function started(patch: Patch, path: string, before = path): FilePatch {
  const file: FilePatch =
    before === '/dev/null'
      ? { path, action: 'added', hunks: [] }
      : path === '/dev/null'
        ? { path: before, action: 'deleted', hunks: [] }
        : path !== before
          ? { path, from: before, action: 'moved', hunks: [] }
          : { path, action: 'changed', hunks: [] };
  patch.files.push(file);
  return file;
}

/** How many lines of each side a hunk's head promises. */
function sizes(head: string): { old: number; new: number } {
  const told = /^@@ -\d+(?:,(\d+))? \+\d+(?:,(\d+))? @@/.exec(head);
  return { old: Number(told?.[1] ?? 1), new: Number(told?.[2] ?? 1) };
}

/** Git writes `a/` and `b/` before names, other tools a date after them. */
function fileName(told: string): string {
  const name = told.split('\t')[0]?.trim() ?? '';
  return name.replace(/^[ab]\//, '');
}

function stray(patch: Patch, line: string): void {
  if (line.trim() !== '') patch.strays.push(line);
}

function lines(text: string): string[] {
  const all = text.split(/\r?\n/);
  if (all.at(-1) === '') all.pop();
  return all;
}
