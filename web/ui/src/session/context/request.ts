import type { Context } from '~/api/schema';
import { isObject, jsonText, parsedJson, stringAt } from '~/content/json';

/** A part of a message, whatever protocol it was sent in. */
export type Part =
  | { kind: 'text' | 'thinking'; text: string }
  | { kind: 'call'; name: string; id?: string | undefined; input: unknown }
  | { kind: 'result'; id?: string | undefined; failed: boolean; content: unknown }
  | { kind: 'image'; value: unknown }
  | { kind: 'other'; type: string; value: unknown };

export interface RequestMessage {
  role: string;
  parts: Part[];
  /** As it was sent. */
  raw: unknown;
  /** Characters of its JSON text. */
  size: number;
  /** The beginning of what it says, in one line. */
  preview: string;
}

export interface RequestTool {
  name: string;
  description: string;
  raw: unknown;
}

/** A request to a model, read from any of the protocols. */
export interface ModelRequest {
  system: string;
  tools: RequestTool[];
  messages: RequestMessage[];
  params: unknown;
}

/** Beginning of a message that its folded line shows. */
const PREVIEW_CHARS = 160;

export function readRequest(
  context: Pick<Context, 'system' | 'tools' | 'messages' | 'params'>,
): ModelRequest {
  return {
    system: textOf(context.system),
    tools: toolsOf(context.tools),
    messages: messagesOf(context.messages),
    params: context.params,
  };
}

/** The text of a string, of blocks, or of a Gemini instruction; JSON of anything else. */
function textOf(value: unknown): string {
  if (value === null || value === undefined) return '';
  if (typeof value === 'string') return value;
  const blocks = Array.isArray(value)
    ? value
    : isObject(value) && Array.isArray(value.parts)
      ? value.parts
      : undefined;
  const texts = blocks?.map((block: unknown) =>
    typeof block === 'string' ? block : stringAt(block, 'text'),
  );
  return texts?.every((text) => text !== undefined) ? texts.join('\n\n') : jsonText(value);
}

function toolsOf(value: unknown): RequestTool[] {
  if (!Array.isArray(value)) return [];
  return value.flatMap((tool: unknown): RequestTool[] => {
    // Gemini puts all functions under one entry; Codex groups tools in namespaces.
    const inside = isObject(tool) ? (tool.functionDeclarations ?? tool.function_declarations) : undefined;
    if (Array.isArray(inside)) return toolsOf(inside);
    const told = isObject(tool) && isObject(tool.function) ? tool.function : tool;
    return [
      {
        name: stringAt(told, 'name') ?? stringAt(tool, 'type') ?? 'unnamed',
        description: stringAt(told, 'description') ?? '',
        raw: tool,
      },
    ];
  });
}

function messagesOf(value: unknown): RequestMessage[] {
  if (value === null || value === undefined) return [];
  const list: unknown[] = Array.isArray(value) ? value : [value];
  return list.map((raw) => {
    const role = roleOf(raw);
    const parts = partsOf(raw);
    return { role, parts, raw, size: sizeOf(raw), preview: previewOf(parts) };
  });
}

function sizeOf(value: unknown): number {
  try {
    return JSON.stringify(value)?.length ?? 0;
  } catch {
    // Nested deeper than the engine's stack.
    return 0;
  }
}

/** Identities that were asked for once. */
const identities = new WeakMap<RequestMessage, string>();

/** What tells one message from another: equal text, equal message. Cache marks aside, which move with each call. */
export function identityOf(message: RequestMessage): string {
  const known = identities.get(message);
  if (known !== undefined) return known;
  let identity: string;
  try {
    const bare = (name: string, inner: unknown) => (name === 'cache_control' ? undefined : inner);
    identity = JSON.stringify([message.role, message.parts], bare);
  } catch {
    identity = message.preview;
  }
  identities.set(message, identity);
  return identity;
}

function roleOf(raw: unknown): string {
  if (typeof raw === 'string') return 'user';
  const type = stringAt(raw, 'type') ?? '';
  if (type.endsWith('_output')) return 'tool';
  if (type.endsWith('_call') || type === 'reasoning') return 'assistant';
  const role = stringAt(raw, 'role') ?? type;
  return role === 'model' ? 'assistant' : role === '' ? 'message' : role;
}

function partsOf(raw: unknown): Part[] {
  if (typeof raw === 'string') return [{ kind: 'text', text: raw }];
  if (!isObject(raw)) return [{ kind: 'other', type: 'value', value: raw }];
  const item = responsesItem(raw);
  if (item) return item;
  if (raw.role === 'tool') {
    return [{ kind: 'result', id: stringAt(raw, 'tool_call_id'), failed: false, content: raw.content }];
  }
  const content = raw.content ?? raw.parts;
  const parts: Part[] =
    typeof content === 'string'
      ? [{ kind: 'text', text: content }]
      : Array.isArray(content)
        ? content.map(blockOf)
        : content === undefined || content === null
          ? []
          : [blockOf(content)];
  for (const call of Array.isArray(raw.tool_calls) ? raw.tool_calls : []) parts.push(chatCall(call));
  return parts.length === 0
    ? [{ kind: 'other', type: stringAt(raw, 'type') ?? 'message', value: raw }]
    : parts;
}

/** Items of the Responses protocol that are no messages. */
function responsesItem(raw: Record<string, unknown>): Part[] | undefined {
  const type = stringAt(raw, 'type');
  const id = stringAt(raw, 'call_id');
  if (type === 'function_call')
    return [{ kind: 'call', name: stringAt(raw, 'name') ?? '', id, input: readValue(raw.arguments) }];
  if (type === 'custom_tool_call')
    return [{ kind: 'call', name: stringAt(raw, 'name') ?? '', id, input: raw.input }];
  if (type === 'local_shell_call') return [{ kind: 'call', name: 'local_shell', id, input: raw.action }];
  if (type?.endsWith('_output')) return [{ kind: 'result', id, failed: false, content: raw.output }];
  if (type === 'reasoning') {
    const text = [raw.summary, raw.content]
      .map((part) => (part ? textOf(part) : ''))
      .filter((part) => part !== '')
      .join('\n\n');
    return [{ kind: 'thinking', text: text === '' ? '(encrypted: only the provider can read it)' : text }];
  }
  return undefined;
}

/** A block of content: Anthropic's, OpenAI's or Gemini's. */
function blockOf(block: unknown): Part {
  if (typeof block === 'string') return { kind: 'text', text: block };
  if (!isObject(block)) return { kind: 'other', type: 'value', value: block };
  const type = stringAt(block, 'type') ?? '';
  const text = stringAt(block, 'text');
  if (block.functionCall) {
    return {
      kind: 'call',
      name: stringAt(block.functionCall, 'name') ?? '',
      input: memberOf(block.functionCall, 'args'),
    };
  }
  if (block.functionResponse) {
    return { kind: 'result', failed: false, content: memberOf(block.functionResponse, 'response') };
  }
  if (type === 'thinking') return { kind: 'thinking', text: stringAt(block, 'thinking') ?? '' };
  if (text !== undefined && Object.keys(block).every((name) => TEXT_KEYS.has(name))) {
    return { kind: block.thought === true ? 'thinking' : 'text', text };
  }
  if (type === 'tool_use' || type === 'server_tool_use') {
    return {
      kind: 'call',
      name: stringAt(block, 'name') ?? '',
      id: stringAt(block, 'id'),
      input: block.input,
    };
  }
  if (type === 'tool_result' || type.endsWith('_tool_result')) {
    return {
      kind: 'result',
      id: stringAt(block, 'tool_use_id'),
      failed: block.is_error === true,
      content: block.content,
    };
  }
  if (/image/.test(type) || block.inlineData || block.inline_data) return { kind: 'image', value: block };
  return { kind: 'other', type, value: block };
}

/** Keys of a block that is nothing but text. */
const TEXT_KEYS = new Set([
  'type',
  'text',
  'cache_control',
  'annotations',
  'logprobs',
  'thought',
  'thoughtSignature',
]);

function chatCall(call: unknown): Part {
  const told = isObject(call) ? (call.function ?? call.custom) : undefined;
  return {
    kind: 'call',
    name: stringAt(told, 'name') ?? '',
    id: stringAt(call, 'id'),
    input: readValue(memberOf(told, 'arguments') ?? memberOf(told, 'input')),
  };
}

const memberOf = (value: unknown, name: string): unknown => (isObject(value) ? value[name] : undefined);
const readValue = (value: unknown): unknown =>
  typeof value === 'string' ? (parsedJson(value) ?? value) : value;

function previewOf(parts: Part[]): string {
  return parts.map(partPreview).join(' · ').replace(/\s+/g, ' ').slice(0, PREVIEW_CHARS);
}

function partPreview(part: Part): string {
  switch (part.kind) {
    case 'text':
      return part.text.slice(0, PREVIEW_CHARS);
    case 'thinking':
      return `(thinking) ${part.text.slice(0, PREVIEW_CHARS)}`;
    case 'call':
      return `→ ${part.name} ${shortJson(part.input)}`;
    case 'result':
      return `← ${part.failed ? 'failed: ' : ''}${shortJson(part.content)}`;
    case 'image':
      return '(image)';
    case 'other':
      return `(${part.type})`;
  }
}

function shortJson(value: unknown): string {
  if (typeof value === 'string') return value.slice(0, PREVIEW_CHARS);
  const first = Array.isArray(value) ? stringAt(value[0], 'text') : undefined;
  return first?.slice(0, PREVIEW_CHARS) ?? jsonText(value).slice(0, PREVIEW_CHARS);
}
