import { request as httpRequest } from 'node:http';
import type { Headers } from './upstream.ts';

const OF_CONNECTION = new Set([
  'host',
  'connection',
  'content-length',
  'transfer-encoding',
  'content-encoding',
  'accept-encoding',
  'expect',
  'upgrade',
]);

/** Sends a request as an agent would, headers as they are, and reads the answer to its end. */
export function send(method: string, url: string, headers: Headers, body: string): Promise<number> {
  return new Promise((done, fail) => {
    const bytes = Buffer.from(body, 'utf8');
    const sent = headers
      .filter(([name]) => !OF_CONNECTION.has(name.toLowerCase()))
      .flatMap(([name, value]) => [name, asBytes(value)]);
    const request = httpRequest(
      url,
      { method, headers: [...sent, 'content-length', String(bytes.length), 'host', new URL(url).host] },
      (answer) => {
        answer.resume();
        answer.on('end', () => done(answer.statusCode ?? 0));
        answer.on('error', fail);
      },
    );
    request.on('error', fail);
    request.end(bytes);
  });
}

/** Node writes a header's characters as bytes: so those of UTF-8 go as they are. */
const asBytes = (value: string): string => Buffer.from(value, 'utf8').toString('latin1');
