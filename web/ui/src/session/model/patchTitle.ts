const MARK = '*** Begin Patch';
/** In an outline's title the patch stands on one line: a name ends where the next part of the patch begins. */
const NAMED = /\*\*\* (?:Add|Delete|Update) File: (.+?)(?= \*\*\* | @@| [-+]|$)/g;

/** `src/a.rs, +3 more`: what a patch touches, where a line has room for one name. Nothing without a name. */
export function filesWord(paths: readonly string[], whole = true): string | undefined {
  const [first, ...others] = new Set(paths.filter((path) => path !== ''));
  if (first === undefined) return undefined;
  if (others.length === 0) return first;
  return `${first}, +${others.length} more${whole ? '' : ' at least'}`;
}

/** A title as people read it: that of a patch tells the files, not how the patch begins. */
export function readTitle(title: string): string {
  if (!title.includes(MARK)) return title;
  return filesWord([...title.matchAll(NAMED)].map((match) => match[1] ?? '')) ?? title;
}
