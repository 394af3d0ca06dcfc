import { VALUE_NODES } from './limits';

/** A JSON value as text, laid out for reading; what cannot be written says so. */
export function jsonText(value: unknown): string {
  try {
    return JSON.stringify(value, null, 2) ?? '';
  } catch {
    // Nested deeper than the engine's stack.
    return '(nested too deeply to be written)';
  }
}

/** An object or an array of a text that is one, whole; else nothing. Other JSON texts are better read as they are. */
export function parsedJson(text: string): unknown {
  const head = text.trimStart()[0];
  if (head !== '{' && head !== '[') return undefined;
  try {
    return JSON.parse(text) as unknown;
  } catch {
    return undefined;
  }
}

export type JsonObject = Record<string, unknown>;

export function isObject(value: unknown): value is JsonObject {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

/** The string at a key, if there is one. */
export function stringAt(value: unknown, ...keys: string[]): string | undefined {
  if (!isObject(value)) return undefined;
  for (const key of keys) {
    const found = value[key];
    if (typeof found === 'string') return found;
  }
  return undefined;
}

/** The members of an object or array with their names. */
export function entries(value: object): [name: string, value: unknown][] {
  return Array.isArray(value)
    ? value.map((item, at): [string, unknown] => [`${at}`, item])
    : Object.entries(value);
}

/** Goes through a value from outside to inside, with a bound on how much is looked at. `visit` says whether to go on in. */
export function walk(value: unknown, visit: (value: unknown, pointer: string) => boolean): void {
  const waiting: [unknown, string][] = [[value, '']];
  for (let seen = 0; seen < waiting.length; seen++) {
    const [next, pointer] = waiting[seen] ?? [undefined, ''];
    if (!visit(next, pointer) || typeof next !== 'object' || next === null) continue;
    for (const [name, member] of entries(next).slice(0, VALUE_NODES - waiting.length)) {
      waiting.push([member, `${pointer}/${pointerPart(name)}`]);
    }
  }
}

/** A name as a part of a JSON pointer. */
export const pointerPart = (name: string): string => name.replaceAll('~', '~0').replaceAll('/', '~1');
