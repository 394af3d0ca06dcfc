import { createServer, type Server as HttpServer } from 'node:http';
import type { AddressInfo } from 'node:net';

export type Headers = readonly (readonly [string, string])[];

/** What the upstream answers. */
export interface Answer {
  status: number;
  headers: Headers;
  body: string;
  /** The answer waits for it. */
  after?: Promise<unknown> | undefined;
}

/** Set by the connection, not by who answers. */
const OF_CONNECTION = new Set(['transfer-encoding', 'content-length', 'connection', 'content-encoding']);
/** A stream is written in pieces of this many characters, as a provider does. */
const PIECE_CHARS = 700;

/** A model provider that says what it was told to, answer after answer in their order. */
export class Upstream {
  readonly #http: HttpServer;
  readonly #answers: Answer[] = [];
  readonly url: string;

  private constructor(http: HttpServer, url: string) {
    this.#http = http;
    this.url = url;
    http.on('request', (request, response) => {
      request.resume().on('end', () => {
        const answer = this.#answers.shift() ?? { status: 404, headers: [], body: '' };
        const headers = answer.headers.filter(([name]) => !OF_CONNECTION.has(name.toLowerCase()));
        void Promise.resolve(answer.after).then(() => {
          response.writeHead(answer.status, headers.flat());
          for (let at = 0; at < answer.body.length && isStream(headers); at += PIECE_CHARS) {
            response.write(answer.body.slice(at, at + PIECE_CHARS));
          }
          response.end(isStream(headers) ? undefined : answer.body);
        });
      });
    });
  }

  static async start(): Promise<Upstream> {
    const http = createServer();
    await new Promise<void>((done) => http.listen(0, '127.0.0.1', done));
    return new Upstream(http, `http://127.0.0.1:${(http.address() as AddressInfo).port}`);
  }

  /** What the next request gets. Who asks must wait for one answer before the next question. */
  next(answer: Answer): void {
    this.#answers.push(answer);
  }

  async stop(): Promise<void> {
    this.#http.closeAllConnections();
    await new Promise((done) => this.#http.close(done));
  }
}

const isStream = (headers: Headers): boolean =>
  headers.some(([name, value]) => name.toLowerCase() === 'content-type' && value.includes('event-stream'));
