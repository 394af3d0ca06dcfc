import { send } from './send.ts';
import type { Server } from './server.ts';
import type { Headers, Upstream } from './upstream.ts';

/** A block of a message, as the Messages API has it. */
export type Block = Record<string, unknown>;

export interface ToolUse {
  id: string;
  name: string;
  input: unknown;
}

export interface ClaudeOptions {
  session: string;
  cwd?: string;
  model?: string;
  headers?: Headers;
}

/** Claude Code, as far as the record goes: it resends its conversation with each call. */
export class Claude {
  readonly #messages: Block[] = [];
  #calls = 0;

  constructor(
    readonly server: Server,
    readonly upstream: Upstream,
    readonly options: ClaudeOptions,
  ) {}

  /** Asks, and is answered with these blocks, once `after` is there. */
  async ask(prompt: string | Block[], answer: Block[], after?: Promise<unknown>): Promise<void> {
    this.#messages.push({ role: 'user', content: prompt });
    await this.#call(answer, after);
  }

  /** Says what its tools gave, and is answered with these blocks. */
  async results(
    results: { id: string; content: unknown; isError?: boolean }[],
    answer: Block[],
  ): Promise<void> {
    const content = results.map(({ id, content, isError = false }) => ({
      type: 'tool_result',
      tool_use_id: id,
      content,
      is_error: isError,
    }));
    this.#messages.push({ role: 'user', content });
    await this.#call(answer);
  }

  /** A call that the provider refuses. */
  async refused(prompt: string, status: number, error: { type: string; message: string }): Promise<void> {
    const messages = [...this.#messages, { role: 'user', content: prompt }];
    await this.#send(messages, status, { type: 'error', error });
  }

  /** Asks for the title of the session. */
  async title(title: string): Promise<void> {
    const schema = { type: 'object', properties: { title: { type: 'string' } } };
    const extra = { output_config: { format: { type: 'json_schema', schema } }, tools: [] };
    const body = this.#answer([{ type: 'text', text: JSON.stringify({ title }) }]);
    await this.#send([{ role: 'user', content: 'Name this session.' }], 200, body, extra);
  }

  async #call(answer: Block[], after?: Promise<unknown>): Promise<void> {
    await this.#send(this.#messages, 200, this.#answer(answer), {}, after);
    this.#messages.push({ role: 'assistant', content: answer });
  }

  #answer(content: Block[]): Block {
    this.#calls += 1;
    const usesTools = content.some((block) => block.type === 'tool_use');
    return {
      id: `msg_${this.options.session}_${this.#calls}`,
      type: 'message',
      role: 'assistant',
      model: this.options.model ?? 'claude-opus-5-5',
      content,
      stop_reason: usesTools ? 'tool_use' : 'end_turn',
      usage: { input_tokens: 40, output_tokens: 20, cache_read_input_tokens: 2000 },
    };
  }

  async #send(
    messages: Block[],
    status: number,
    answer: Block,
    extra: Block = {},
    after?: Promise<unknown>,
  ): Promise<void> {
    const { server, upstream, options } = this;
    const cwd = options.cwd ?? '/home/dev/project';
    const json: Headers = [['content-type', 'application/json']];
    upstream.next({ status, headers: json, body: JSON.stringify(answer), after });
    const body = {
      model: options.model ?? 'claude-opus-5-5',
      max_tokens: 32_000,
      system: [
        { type: 'text', text: "You are Claude Code, Anthropic's official CLI for Claude." },
        { type: 'text', text: `# Environment\n - Primary working directory: ${cwd}\n - Platform: linux` },
      ],
      tools: ['Agent', 'Bash', 'Edit', 'Read', 'Write', 'Skill'].map((name) => ({ name })),
      messages,
      ...extra,
    };
    const headers: Headers = [
      ...json,
      ['user-agent', 'claude-cli/2.1.330 (external, cli)'],
      ['x-app', 'cli'],
      ['x-claude-code-session-id', options.session],
      ['anthropic-version', '2023-06-01'],
      ...(options.headers ?? []),
    ];
    await send('POST', `${server.url}/edge/anthropic/v1/messages`, headers, JSON.stringify(body));
  }
}

export const text = (words: string): Block => ({ type: 'text', text: words });
export const toolUse = (id: string, name: string, input: unknown): Block => ({
  type: 'tool_use',
  id,
  name,
  input,
});
