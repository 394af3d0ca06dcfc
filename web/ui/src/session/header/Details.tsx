import { Link } from '@tanstack/react-router';
import { memo, type ReactNode } from 'react';
import type { Session } from '~/api/types';
import { clockTime, count, dayName, duration, fullTime } from '~/app/time';
import { CopyButton } from '~/content/CopyButton';
import { byHooksOnly } from '~/sessions/facts';
import { CHANNEL_NAMES } from '~/sessions/names';
import { tokenParts } from '~/sessions/usage';
import { Tokens } from '../Tokens';
import { plural } from '../timeline/TurnHead';
import { Completeness } from './Completeness';
import styles from './header.module.css';
import { LongValue } from './LongValue';

/** What is known of the session as a whole. */
export const Details = memo(function Details({ session }: { session: Session }) {
  const { agent, user, device, counts } = session;
  const hooksOnly = byHooksOnly(session);
  const lasted = Date.parse(session.last_event_at) - Date.parse(session.started_at);
  return (
    <dl className={styles.details}>
      <Fact name="Agent">
        <LongValue name="Agent" text={agent.name} />
        {agent.version && (
          <span className={styles.faint}>
            {' '}
            <LongValue name="Version" text={agent.version} />
          </span>
        )}
      </Fact>
      {user && (
        <Fact name="User">
          <LongValue name="User" text={user.email ?? user.name ?? user.id} /> <Source source={user.source} />
        </Fact>
      )}
      {device && (
        <Fact name="Device">
          <LongValue name="Device" text={device.hostname ?? device.id} /> <Source source={device.source} />
        </Fact>
      )}
      <Fact name="Started">
        <time dateTime={session.started_at} title={fullTime(session.started_at)}>
          {dayName(session.started_at)} {clockTime(session.started_at)}
        </time>
      </Fact>
      <Fact name="Last event">
        <time dateTime={session.last_event_at} title={fullTime(session.last_event_at)}>
          {clockTime(session.last_event_at)}
        </time>
        <span className={styles.faint}> after {duration(Math.max(0, lasted))}</span>
      </Fact>
      {session.models.length > 0 && (
        <Fact name={session.models.length === 1 ? 'Model' : 'Models'}>
          <LongValue name="Models" text={session.models.join(', ')} />
        </Fact>
      )}
      <Fact name="Tokens">
        {tokenParts(session.usage).length > 0 ? (
          <Tokens usage={session.usage} />
        ) : (
          <span className={styles.faint}>not told</span>
        )}
      </Fact>
      <Fact name="Calls">
        {!hooksOnly && `${plural(counts.model_calls, 'model call')}, `}
        {plural(counts.tool_calls, 'tool call')}
        {counts.mcp_calls > 0 && <span className={styles.faint}> ({count(counts.mcp_calls)} MCP)</span>}
        {counts.cli_calls > 0 && (
          <span className={styles.faint}> ({count(counts.cli_calls)} command line)</span>
        )}
        {counts.tool_errors > 0 && <span className={styles.bad}> {plural(counts.tool_errors, 'error')}</span>}
      </Fact>
      {session.mcp_servers.length > 0 && (
        <Fact name="MCP servers">
          <LongValue name="MCP servers" text={session.mcp_servers.join(', ')} />
        </Fact>
      )}
      {session.cwd && (
        <Fact name="Folder">
          <code dir="auto">
            <LongValue name="Folder" text={session.cwd} />
          </code>
        </Fact>
      )}
      {session.repository && (
        <Fact name="Repository">
          <code dir="auto">
            <LongValue name="Repository" text={session.repository} />
          </code>
        </Fact>
      )}
      {session.conversation_id && (
        <Fact name="Conversation">
          <code>
            <LongValue name="Conversation" text={session.conversation_id} />
          </code>
          <CopyButton text={() => session.conversation_id ?? ''} />
        </Fact>
      )}
      {session.parent_session_id && (
        <Fact name="Comes from">
          <Link
            className={styles.parent}
            to="/sessions/$sessionId"
            params={{ sessionId: session.parent_session_id }}
          >
            its parent session
          </Link>
        </Fact>
      )}
      <Fact name="Seen by">
        {session.channels.map((channel) => CHANNEL_NAMES[channel]).join(', ')}{' '}
        <Completeness completeness={session.completeness} />
        {hooksOnly && (
          <span className={styles.faint} title={HOOKS_ONLY}>
            {' '}
            hooks see no model calls and no tokens
          </span>
        )}
      </Fact>
    </dl>
  );
});

const HOOKS_ONLY =
  'Nothing of this session came over the edge: the agent’s base address is not this server, or it cannot be set.';

function Fact({ name, children }: { name: string; children: ReactNode }) {
  return (
    <div className={styles.fact}>
      <dt>{name}</dt>
      <dd>{children}</dd>
    </div>
  );
}

const SOURCES = {
  verified: 'Proven by a key or a sign-in',
  reported: 'As the agent or its machine says; not proven',
  inferred: 'Concluded from the traffic; not proven',
} as const;

function Source({ source }: { source: keyof typeof SOURCES }) {
  return (
    <span className={styles.source} data-source={source} title={SOURCES[source]}>
      {source}
    </span>
  );
}
