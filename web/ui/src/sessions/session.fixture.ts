import type { ListedSession } from '~/api/schema';

/** A session for tests. `minute` of its start: a higher one is newer. */
export function session(id: string, minute: number, changes: Partial<ListedSession> = {}): ListedSession {
  const at = new Date(Date.UTC(2026, 10, 23, 0, minute)).toISOString();
  return {
    id,
    thread_id: id,
    agent: { slug: 'claude-code', name: 'Claude Code', kind: 'terminal' },
    started_at: at,
    last_event_at: at,
    status: 'active',
    models: [],
    counts: {
      prompts: 1,
      completions: 0,
      model_calls: 0,
      tool_calls: 0,
      tool_errors: 0,
      mcp_calls: 0,
      cli_calls: 0,
    },
    usage: {},
    channels: ['edge'],
    mcp_servers: [],
    completeness: { complete: true, gaps: [] },
    ...changes,
  };
}
