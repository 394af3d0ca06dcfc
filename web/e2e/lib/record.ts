import { readFileSync } from 'node:fs';
import { resolve } from 'node:path';
import { send } from './send.ts';
import type { Server } from './server.ts';
import type { Answer, Headers, Upstream } from './upstream.ts';

/** What released agents really sent and got: the adapters are tested with the same. */
const FIXTURES = resolve(import.meta.dirname, '../../../crates/adapters/tests/fixtures');

export type Recording =
  | 'claude-code-main'
  | 'claude-code-interactive'
  | 'codex-main'
  | 'codex-code-mode'
  | 'copilot-cli-anthropic'
  | 'opencode-anthropic';

interface Exchange {
  protocol: string;
  method: string;
  path: string;
  query?: string;
  headers: Headers;
  body: unknown;
  response?: Answer;
}

const UPSTREAMS: Record<string, string> = {
  'anthropic-messages': 'anthropic',
  'openai-responses': 'openai',
  'openai-chat': 'openai',
};

/** Sends a recorded agent's requests through the edge again; the upstream answers what it answered then. */
export async function replay(recording: Recording, server: Server, upstream: Upstream): Promise<void> {
  const lines = readFileSync(resolve(FIXTURES, `${recording}.jsonl`), 'utf8')
    .trim()
    .split('\n');
  for (const line of lines) {
    const exchange = JSON.parse(line) as Exchange;
    // Without an answer nothing was recorded of what came back: side traffic that no session shows.
    if (exchange.response === undefined) continue;
    upstream.next(exchange.response);
    const name = UPSTREAMS[exchange.protocol];
    if (name === undefined) throw new Error(`${recording}: no upstream for ${exchange.protocol}`);
    const query = exchange.query === undefined || exchange.query === '' ? '' : `?${exchange.query}`;
    const url = `${server.url}/edge/${name}${exchange.path}${query}`;
    const body = exchange.body === null ? '' : JSON.stringify(exchange.body);
    await send(exchange.method, url, exchange.headers, body);
  }
  await server.recorded();
}
