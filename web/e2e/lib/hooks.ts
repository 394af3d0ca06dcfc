import { randomUUID } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { resolve } from 'node:path';
import { send } from './send.ts';
import type { Server } from './server.ts';
import type { Headers, Upstream } from './upstream.ts';

/** What released agents sent to their models and told their hooks, in one run: the pipeline is tested with the same. */
const FIXTURES = resolve(import.meta.dirname, '../../../crates/pipeline/tests/fixtures/hooks');

export type HookRecording =
  | 'claude-code-interactive'
  | 'claude-code-main'
  | 'claude-code-permission-default'
  | 'codex-main'
  | 'copilot-cli-anthropic-pascal-repo'
  | 'gemini-cli-main';

type Line =
  | { hook: string; body: unknown }
  | {
      exchange: string;
      path: string;
      headers: Headers;
      body: string;
      status: number;
      answer_headers: Headers;
      answer: string;
    };

const UPSTREAMS: Record<string, string> = {
  'anthropic-messages': 'anthropic',
  'openai-responses': 'openai',
  'openai-chat': 'openai',
};

/** A device's spool: makes envelopes as the endpoint program would, and delivers them. */
export class Spool {
  readonly #id = randomUUID();
  #seq = 0;

  constructor(
    readonly server: Server,
    readonly agent: string,
  ) {}

  /** Delivers one event of a hook, seen at that time. */
  async tell(event: string, body: unknown, at = Date.now()): Promise<void> {
    this.#seq += 1;
    const envelope = {
      id: randomUUID(),
      channel: 'hook',
      source: this.agent,
      event,
      at: new Date(at).toISOString(),
      seq: this.#seq,
      meta: { spool: this.#id, os_user: 'dev' },
      body,
    };
    const answer = await fetch(`${this.server.url}/ingest/v1/captures`, {
      method: 'POST',
      headers: { 'content-type': 'application/x-ndjson' },
      body: `${JSON.stringify(envelope)}\n`,
    });
    if (!answer.ok) throw new Error(`captures: ${answer.status} ${await answer.text()}`);
    const { accepted } = (await answer.json()) as { accepted: number };
    if (accepted !== 1) throw new Error(`the envelope of ${event} was not taken`);
  }
}

/** Plays a recording on both channels, or what the hooks were told alone. It all happens now. */
export async function playHooks(
  recording: HookRecording,
  agent: string,
  server: Server,
  upstream?: Upstream,
): Promise<void> {
  const spool = new Spool(server, agent);
  const lines = readFileSync(resolve(FIXTURES, `${recording}.jsonl`), 'utf8')
    .trim()
    .split('\n')
    .map((line) => JSON.parse(line) as Line);
  for (const line of lines) {
    if ('hook' in line) {
      await spool.tell(line.hook, line.body);
      continue;
    }
    const name = UPSTREAMS[line.exchange];
    if (upstream === undefined || name === undefined) continue;
    upstream.next({ status: line.status, headers: line.answer_headers, body: line.answer });
    await send('POST', `${server.url}/edge/${name}${line.path}`, line.headers, line.body);
  }
  await server.recorded();
}
