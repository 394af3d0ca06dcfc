import { jsonText } from '~/content/json';
import { identityOf, type ModelRequest, type RequestMessage, type RequestTool } from './request';

/** What a request has that the one before had not, and the other way round. */
export interface Changes {
  system?: { before: string; after: string };
  params?: { before: string; after: string };
  tools: {
    added: RequestTool[];
    removed: RequestTool[];
    changed: { name: string; before: string; after: string }[];
  };
  /** Messages at the beginning that are the same in both. */
  same: RequestMessage[];
  /** Messages of the request before that are no longer there. */
  gone: RequestMessage[];
  added: RequestMessage[];
}

export function changesBetween(before: ModelRequest, after: ModelRequest): Changes {
  const [oldParams, newParams] = [jsonText(before.params), jsonText(after.params)];
  let same = 0;
  while (same < after.messages.length && isSame(before.messages[same], after.messages[same])) same += 1;
  // Messages in the middle may have been taken out and the rest kept: those count as neither gone nor new.
  const kept = new Set(after.messages.slice(same).map(identityOf));
  const gone = before.messages.slice(same).filter((message) => !kept.has(identityOf(message)));
  const known = new Set(before.messages.slice(same).map(identityOf));
  const added = after.messages.slice(same).filter((message) => !known.has(identityOf(message)));
  return {
    ...(before.system === after.system ? {} : { system: { before: before.system, after: after.system } }),
    ...(oldParams === newParams ? {} : { params: { before: oldParams, after: newParams } }),
    tools: toolChanges(before.tools, after.tools),
    same: after.messages.filter((message, at) => at < same || known.has(identityOf(message))),
    gone,
    added,
  };
}

function isSame(before: RequestMessage | undefined, after: RequestMessage | undefined): boolean {
  return before !== undefined && after !== undefined && identityOf(before) === identityOf(after);
}

function toolChanges(before: RequestTool[], after: RequestTool[]): Changes['tools'] {
  const old = new Map(before.map((tool) => [tool.name, tool]));
  const now = new Map(after.map((tool) => [tool.name, tool]));
  const changed = after.flatMap((tool) => {
    const was = old.get(tool.name);
    const [beforeText, afterText] = [jsonText(was?.raw), jsonText(tool.raw)];
    return was && beforeText !== afterText ? [{ name: tool.name, before: beforeText, after: afterText }] : [];
  });
  return {
    added: after.filter((tool) => !old.has(tool.name)),
    removed: before.filter((tool) => !now.has(tool.name)),
    changed,
  };
}

/** The kinds of a request's redactions with how often, and their places. */
export interface Redactions {
  kinds: [kind: string, times: number][];
  paths: string[];
}

export function readRedactions(value: unknown): Redactions {
  const kinds = new Map<string, number>();
  const paths: string[] = [];
  for (const mark of Array.isArray(value) ? (value as unknown[]) : []) {
    const { path, kind } = (typeof mark === 'object' && mark !== null ? mark : {}) as Record<string, unknown>;
    const name = typeof kind === 'string' ? kind : 'value';
    kinds.set(name, (kinds.get(name) ?? 0) + 1);
    paths.push(`${typeof path === 'string' ? path : 'somewhere'}: ${name}`);
  }
  return { kinds: [...kinds], paths };
}
