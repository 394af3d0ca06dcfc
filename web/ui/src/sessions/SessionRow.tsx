import { Link } from '@tanstack/react-router';
import { CircleAlert } from 'lucide-react';
import { memo, useEffect, useRef } from 'react';
import type { ListedSession } from '~/api/schema';
import { count, relativeTime } from '~/app/time';
import { plainly } from '~/content/chars';
import { SafeInline } from '~/content/SafeText';
import {
  counted,
  deviceName,
  folderTail,
  gapLines,
  timeLines,
  tookTime,
  userName,
  withoutDate,
} from './facts';
import { Highlights } from './Highlights';
import { Hint } from './hint';
import { CHANNEL_NAMES } from './names';
import styles from './row.module.css';
import { tokenLines, tokenParts } from './usage';

/** A session in the list. The whole row is one link; places that were found have their own below. */
export const SessionRow = memo(function SessionRow(props: {
  session: ListedSession;
  /** Milliseconds; times are told from here. */
  now: number;
  readsContent: boolean;
  /** The keyboard went to this row. */
  wanted: boolean;
  onFocused: () => void;
}) {
  const { session, now, wanted, onFocused } = props;
  const link = useRef<HTMLAnchorElement>(null);
  useEffect(() => {
    if (!wanted) return;
    link.current?.focus({ preventScroll: true });
    onFocused();
  }, [wanted, onFocused]);
  return (
    <>
      <Link
        ref={link}
        to="/sessions/$sessionId"
        params={{ sessionId: session.id }}
        preload={false}
        className={styles.row}
        data-row={session.id}
      >
        <span className={styles.dot} data-status={session.status} aria-hidden />
        <span className={styles.title}>
          <Title session={session} readsContent={props.readsContent} />
          {!session.completeness.complete && <Incomplete session={session} />}
        </span>
        <span className={styles.facts}>
          <span className="visually-hidden">{session.status}; </span>
          <About session={session} />
        </span>
        <Counts session={session} />
        <Tokens session={session} />
        <Hint lines={timeLines(session)} className={styles.time}>
          <time dateTime={session.last_event_at}>{relativeTime(session.last_event_at, now)}</time>
          <small>
            {tookTime(session)}, began {relativeTime(session.started_at, now)}
          </small>
        </Hint>
      </Link>
      {session.highlights && session.highlights.length > 0 && (
        <Highlights sessionId={session.id} highlights={session.highlights} />
      )}
    </>
  );
});

function Title({ session, readsContent }: { session: ListedSession; readsContent: boolean }) {
  if (session.title) return <SafeInline text={session.title} />;
  if (readsContent) return <i className={styles.faint}>no prompt yet</i>;
  return <code className={styles.faint}>{session.id}</code>;
}

function Incomplete({ session }: { session: ListedSession }) {
  const lines = gapLines(session);
  return (
    <Hint lines={lines} className={styles.gap}>
      <CircleAlert size={13} aria-hidden />
      <span className="visually-hidden">{lines.join(' ')}</span>
    </Hint>
  );
}

/** Which agent, who, where, which models, through which channels. */
function About({ session }: { session: ListedSession }) {
  const { agent, user, device, cwd, models, channels } = session;
  return (
    <>
      <span className={`${styles.agent} ${styles.fixed}`}>
        <SafeInline text={agent.name} />
        {agent.version && (
          <span className={styles.version}>
            {' '}
            <SafeInline text={agent.version} />
          </span>
        )}
      </span>
      {user && (
        <span title={`User, ${user.source}`}>
          <SafeInline text={userName(user)} />
        </span>
      )}
      {device && (
        <span className={styles.wide} title={`Device, ${device.source}`}>
          <SafeInline text={deviceName(device)} />
        </span>
      )}
      <span className={styles.narrow}>
        {counted(session.counts.prompts, 'prompt')}, {counted(session.counts.tool_calls, 'tool')}
        {session.counts.tool_errors > 0 && (
          <span className={styles.failed}>, {count(session.counts.tool_errors)} failed</span>
        )}
      </span>
      {models.length > 0 && (
        <span className={`${styles.wide} ${styles.models}`} title={plainly(models.join(', '))}>
          <SafeInline text={models.map(withoutDate).join(', ')} />
        </span>
      )}
      {cwd && (
        <span className={styles.wide} title={plainly(cwd)}>
          <SafeInline text={folderTail(cwd)} />
        </span>
      )}
      <span className={`${styles.wide} ${styles.fixed}`} title="Channels that saw it">
        {channels.map((channel) => CHANNEL_NAMES[channel]).join(', ')}
      </span>
    </>
  );
}

function Counts({ session: { counts } }: { session: ListedSession }) {
  return (
    <>
      <Count n={counts.prompts} one="prompt" many="prompts" />
      <span className={styles.count}>
        <Figure n={counts.tool_calls} one="tool call" many="tool calls" />
        {counts.tool_errors > 0 && (
          <small className={styles.failed}>{count(counts.tool_errors)} failed</small>
        )}
      </span>
      <Count n={counts.mcp_calls} one="MCP call" many="MCP calls" few />
      <Count n={counts.cli_calls} one="command" many="commands" few />
    </>
  );
}

interface Counted {
  n: number;
  one: string;
  many: string;
}

/** `few`: left out where there is little room. */
function Count({ few = false, ...counted }: Counted & { few?: boolean }) {
  return (
    <span className={few ? `${styles.count} ${styles.few}` : styles.count}>
      <Figure {...counted} />
    </span>
  );
}

function Figure({ n, one, many }: Counted) {
  return (
    <span className={n === 0 ? styles.faint : undefined}>
      {count(n)}
      <span className="visually-hidden"> {n === 1 ? one : many}</span>
    </span>
  );
}

function Tokens({ session }: { session: ListedSession }) {
  const parts = tokenParts(session.usage);
  const line = (those: typeof parts) => those.map(({ figure, word }) => `${figure} ${word}`).join(', ');
  return (
    <Hint lines={tokenLines(session.usage)} className={styles.tokens}>
      <span className={parts.length === 0 ? styles.faint : undefined}>
        {parts.length === 0 ? 'not told' : line(parts.filter(({ word }) => !word.endsWith('cache')))}
      </span>
      <small>{line(parts.filter(({ word }) => word === 'from cache'))}</small>
    </Hint>
  );
}
