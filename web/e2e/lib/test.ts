import { test as base, type Page } from '@playwright/test';
import { Guard } from './guard.ts';
import { type Recording, replay } from './record.ts';
import { type Role, Server, type SessionFacts } from './server.ts';
import { Upstream } from './upstream.ts';

export { expect } from '@playwright/test';

/** A server and the provider behind it. */
export interface Desk {
  server: Server;
  upstream: Upstream;
}

/** The recorded sessions of a worker's server, by what they are of. */
export interface Recorded extends Desk {
  claude: SessionFacts;
  claudeInteractive: SessionFacts;
  codex: SessionFacts;
  copilot: SessionFacts;
}

interface WorkerFixtures {
  recorded: Recorded;
}

interface TestFixtures {
  /** A server of the test's own, with nothing recorded. */
  desk: Desk;
  guard: Guard;
  /** Signs the page's browser in. */
  signIn: (server: Server, role?: Role) => Promise<void>;
}

const PLAYED: readonly Recording[] = [
  'claude-code-main',
  'claude-code-interactive',
  'codex-main',
  'codex-code-mode',
  'copilot-cli-anthropic',
  'opencode-anthropic',
];

export const test = base.extend<TestFixtures, WorkerFixtures>({
  recorded: [
    // biome-ignore lint/correctness/noEmptyPattern: Playwright wants the pattern
    async ({}, use) => {
      const upstream = await Upstream.start();
      const server = await Server.start({ upstream: upstream.url });
      for (const recording of PLAYED) await replay(recording, server, upstream);
      const sessions = await server.sessions();
      const most = (slug: string, wanted: (session: SessionFacts) => boolean = () => true) =>
        one(
          sessions.filter((session) => session.agent.slug === slug && wanted(session)),
          slug,
        );
      await use({
        server,
        upstream,
        claude: most('claude-code', (session) => session.title?.startsWith('RIG-PROMPT') === true),
        claudeInteractive: most('claude-code', (session) => !session.title?.startsWith('RIG-PROMPT')),
        codex: most('codex', (session) => (session.counts.mcp_calls ?? 0) > 0),
        copilot: most('copilot-cli'),
      });
      await server.stop();
      await upstream.stop();
    },
    { scope: 'worker', timeout: 120_000 },
  ],

  // biome-ignore lint/correctness/noEmptyPattern: Playwright wants the pattern
  desk: async ({}, use) => {
    const upstream = await Upstream.start();
    const server = await Server.start({ upstream: upstream.url });
    await use({ server, upstream });
    await server.stop();
    await upstream.stop();
  },

  guard: async ({ page }, use) => {
    const guard = new Guard(page);
    await use(guard);
    guard.check();
  },

  signIn: async ({ page, guard }, use) => {
    await use(async (server, role = 'admin') => {
      guard.origin = server.url;
      await signIn(page, server, role);
    });
  },
});

/** With a token, as the page's own form does it. */
export async function signIn(page: Page, server: Server, role: Role): Promise<void> {
  const answer = await page.context().request.post(`${server.url}/signin`, {
    data: { token: server.token(role) },
    headers: { origin: server.url },
  });
  if (!answer.ok()) throw new Error(`sign-in: ${answer.status()} ${await answer.text()}`);
}

function one(found: SessionFacts[], what: string): SessionFacts {
  const by = found.sort((a, b) => (b.counts.tool_calls ?? 0) - (a.counts.tool_calls ?? 0))[0];
  if (by === undefined) throw new Error(`the recordings gave no session of ${what}`);
  return by;
}
