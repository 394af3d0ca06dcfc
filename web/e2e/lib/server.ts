import { type ChildProcess, execFileSync, spawn } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { createInterface } from 'node:readline';
import { until } from './until.ts';

const ROOT = resolve(import.meta.dirname, '../../..');
const TARGET = resolve(ROOT, process.env.CARGO_TARGET_DIR ?? 'target');
/** Printed by the server once it takes requests. */
const READY = 'ursa: listening on ';
const START_LIMIT_MS = 60_000;
const STOP_LIMIT_MS = 30_000;
const RECORDED_LIMIT_MS = 60_000;

export type Role = 'admin' | 'analyst' | 'viewer' | 'auditor';

/** A session, as far as tests look at one. */
export interface SessionFacts {
  id: string;
  title: string | null;
  agent: { slug: string; name: string };
  counts: Record<string, number>;
}

/** A program of the build under test: `URSA_BIN` names another server. */
export function program(name: 'ursa' | 'testkit-seed', profile = 'debug'): string {
  return (name === 'ursa' && process.env.URSA_BIN) || join(TARGET, profile, name);
}

/** A running `ursa serve` over a folder of its own. */
export class Server {
  readonly #dir: string;
  readonly #child: ChildProcess;
  readonly #binary: string;
  /** `http://127.0.0.1:PORT`. */
  readonly url: string;
  /** As printed at the start; it works once. */
  readonly link: string;
  readonly #tokens = new Map<Role, string>();

  private constructor(dir: string, child: ChildProcess, binary: string, url: string, link: string) {
    this.#dir = dir;
    this.#child = child;
    this.#binary = binary;
    this.url = url;
    this.link = link;
  }

  /** A folder for `start`, with its keys made. */
  static folder(binary = program('ursa')): string {
    const dir = mkdtempSync(join(tmpdir(), 'ursa-e2e-'));
    execFileSync(binary, ['token', 'create', '--role', 'admin', '--data-dir', dir]);
    return dir;
  }

  /** `ursa serve`, or `ursa demo` with its simulated agents. */
  static async start(
    options: { upstream?: string; dir?: string; binary?: string; demo?: boolean } = {},
  ): Promise<Server> {
    const binary = options.binary ?? program('ursa');
    const dir = options.dir ?? Server.folder(binary);
    const command = options.demo === true ? 'demo' : 'serve';
    const upstreams = ['anthropic', 'openai'].flatMap((name) =>
      options.upstream === undefined ? [] : ['--upstream', `${name}=${options.upstream}`],
    );
    const child = spawn(binary, [command, '--listen', '127.0.0.1:0', '--data-dir', dir, ...upstreams], {
      stdio: ['ignore', 'pipe', 'pipe'],
    });
    // A worker that fails before its fixtures are torn down must leave nothing running.
    const leaveNothing = () => child.kill('SIGKILL');
    process.once('exit', leaveNothing);
    child.once('exit', () => process.off('exit', leaveNothing));
    const said: string[] = [];
    const ready = new Promise<{ url: string; link: string }>((done, fail) => {
      let url: string | undefined;
      let link: string | undefined;
      const hear = (line: string) => {
        said.push(line);
        if (line.startsWith(READY)) url = line.slice(READY.length).trim();
        link ??= /https?:\S+\/signin\?token=\S+/.exec(line)?.[0];
        if (url !== undefined && link !== undefined) done({ url, link });
      };
      for (const pipe of [child.stdout, child.stderr]) createInterface({ input: pipe }).on('line', hear);
      child.on('error', fail);
      child.on('exit', (code) => fail(new Error(`ursa ended with ${code}:\n${said.join('\n')}`)));
      setTimeout(() => fail(new Error(`ursa did not start:\n${said.join('\n')}`)), START_LIMIT_MS).unref();
    });
    const { url, link } = await ready;
    return new Server(dir, child, binary, url, link);
  }

  /** A token of that role, made as an administrator would. */
  token(role: Role): string {
    const known = this.#tokens.get(role);
    if (known !== undefined) return known;
    const out = execFileSync(this.#binary, ['token', 'create', '--role', role, '--data-dir', this.#dir]);
    const token = out.toString().trim().split('\n').at(-1) ?? '';
    this.#tokens.set(role, token);
    return token;
  }

  async api<T>(path: string): Promise<T> {
    const answer = await fetch(`${this.url}/api/v1${path}`, {
      headers: { authorization: `Bearer ${this.token('admin')}` },
    });
    if (!answer.ok) throw new Error(`GET ${path}: ${answer.status} ${await answer.text()}`);
    return (await answer.json()) as T;
  }

  /** Waits until all that passed is part of the record. */
  async recorded(): Promise<void> {
    await until(
      'everything is recorded',
      async () => (await this.api<{ pending: number }>('/stats')).pending === 0,
      RECORDED_LIMIT_MS,
    );
  }

  async sessions(query = ''): Promise<SessionFacts[]> {
    return (await this.api<{ items: SessionFacts[] }>(`/sessions?limit=100${query}`)).items;
  }

  /** Stops it and removes its folder. */
  async stop(): Promise<void> {
    const gone = new Promise<void>((done) => this.#child.once('exit', () => done()));
    if (this.#child.exitCode === null) {
      this.#child.kill('SIGTERM');
      const hard = setTimeout(() => this.#child.kill('SIGKILL'), STOP_LIMIT_MS);
      await gone;
      clearTimeout(hard);
    }
    rmSync(this.#dir, { recursive: true, force: true });
  }
}
