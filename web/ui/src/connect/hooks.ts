import type { Session } from '~/api/types';

/** An agent that `ursa-endpoint install` knows. */
export interface HookAgent {
  name: string;
  /** Slugs of its sessions. */
  slugs: readonly string[];
}

export const HOOK_AGENTS: readonly HookAgent[] = [
  { name: 'Claude Code', slugs: ['claude-code'] },
  { name: 'Cursor', slugs: ['cursor'] },
  { name: 'Copilot CLI', slugs: ['copilot-cli'] },
  { name: 'Copilot in VS Code', slugs: ['copilot-vscode'] },
  { name: 'Codex', slugs: ['codex'] },
  { name: 'Gemini CLI', slugs: ['gemini-cli'] },
];

/** Stands where a token goes. */
const TOKEN_PLACE = 'TOKEN';

/** The line that makes a device known. The program refuses plain HTTP to another machine unless it is told otherwise. */
export function enrolLine(origin: string, token: string): string {
  const { protocol, hostname } = new URL(origin);
  const plain = protocol === 'http:' && !isLoopback(hostname) ? ' --allow-plain-http' : '';
  return `ursa-endpoint enroll --server ${origin} --token ${token.trim() || TOKEN_PLACE}${plain}`;
}

export const isLoopback = (host: string): boolean =>
  host === 'localhost' || host === '[::1]' || host.startsWith('127.');

/** Names of the agents whose hooks were heard. */
export function heard(sessions: readonly Pick<Session, 'agent'>[]): Set<string> {
  const slugs = new Set(sessions.map(({ agent }) => agent.slug));
  const known = HOOK_AGENTS.filter((agent) => agent.slugs.some((slug) => slugs.has(slug)));
  return new Set(known.map(({ name }) => name));
}
